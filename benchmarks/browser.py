"""What a phone's browser sends: whole HTTP/1.1 requests, with all the headers that nobody asked for."""

from __future__ import annotations

from typing import Final

TOKEN_CHARACTERS: Final = 50
"""The length of a nameless voter's token: 37 bytes in base64url."""
POLL_CHARACTERS: Final = 8
"""The length of the ids that ``@POLL@`` stands for."""

TOKEN: Final = "@TOKEN@".ljust(TOKEN_CHARACTERS, "@")
POLL: Final = "@POLL@".ljust(POLL_CHARACTERS, "@")
"""What the load generator writes over (``load/requests.c``)."""

_PHONE: Final = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)


def vote(port: int, poll: str, choice: str, site: str | None = None) -> bytes:
    """A vote with 13 headers, from a page of the service's own or of another ``site``."""
    body = f'{{"choice":"{choice}"}}'
    own = {
        "Content-Length": str(len(body)),
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
    }
    return _request("POST", f"/v1/polls/{poll}/votes", port, own, site) + body.encode()


def enrolment(port: int, site: str) -> bytes:
    """A browser that has no token yet comes for one."""
    return _request("POST", "/v1/voters", port, {"Content-Length": "0"}, site)


def preflight(port: int, path: str, site: str) -> bytes:
    """What a browser asks before it sends a POST with headers to another site."""
    own = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return _request("OPTIONS", path, port, own, site)


def look(port: int, path: str, site: str | None = None) -> bytes:
    """A GET by a page's script."""
    return _request("GET", path, port, {}, site)


def _request(method: str, path: str, port: int, own: dict[str, str], site: str | None) -> bytes:
    origin = site or f"http://127.0.0.1:{port}"
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "keep-alive",
        "User-Agent": _PHONE,
        "Accept": "*/*",
        **own,
        "Origin": origin,
        "Sec-Fetch-Site": "cross-site" if site else "same-origin",
        "Sec-Fetch-Mode": "cors",
        "Referer": f"{origin}/",
        "Accept-Encoding": "gzip, deflate, br",
        "Accept-Language": "en-GB,en;q=0.9",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()
