"""HTTP/1.1 requests as a phone's browser sends them, with all its usual headers."""

from __future__ import annotations

from typing import Final

TOKEN_CHARACTERS: Final = 50
"""Length of an anonymous voter token: 37 bytes in base64url."""
POLL_CHARACTERS: Final = 8
"""Length of the poll ids that replace ``@POLL@``."""

TOKEN: Final = "@TOKEN@".ljust(TOKEN_CHARACTERS, "@")
POLL: Final = "@POLL@".ljust(POLL_CHARACTERS, "@")
"""Placeholders that the load generator replaces (``load/requests.c``)."""

_PHONE: Final = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)


def vote(port: int, poll: str, choice: str, site: str | None = None) -> bytes:
    """Return a vote with 13 headers, from a page of the service or of another origin ``site``."""
    body = f'{{"choice":"{choice}"}}'
    own = {
        "Content-Length": str(len(body)),
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
    }
    return _request("POST", f"/v1/polls/{poll}/votes", port, own, site) + body.encode()


def registration(port: int, site: str) -> bytes:
    """Return a request for a new voter token."""
    return _request("POST", "/v1/voters", port, {"Content-Length": "0"}, site)


def preflight(port: int, path: str, site: str) -> bytes:
    """Return the CORS preflight of a cross-origin POST."""
    own = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return _request("OPTIONS", path, port, own, site)


def read_results(port: int, path: str, site: str | None = None) -> bytes:
    """Return a GET of a page's script."""
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
