"""Cases of the corpus, and functions that build their requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.http_corpus.servers import voter

VOTE = '{"choice":"rice"}'
JSON = "content-type: application/json"


H2C = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")
"""The headers of curl --http2."""


class Case(NamedTuple):
    """Requests on one connection and their expected responses."""

    name: str
    segments: Sequence[bytes]
    statuses: Sequence[int]
    to_head: bool = False
    """The responses have no body."""
    differs: str = ""
    """Why uvicorn's own protocol responds differently."""
    fast_path: int | None = None
    """Number of requests that take the fast path. None if that depends on timing."""
    is_whole: bool = True
    """The last request is complete, so another one can follow it."""


def request(
    line: str,
    *headers: str,
    body: str | bytes = "",
    host: str = "host: polls.example",
    version: str = "HTTP/1.1",
) -> bytes:
    """Return a request. A ``content-length`` is added unless a header determines the length."""
    content = body.encode() if isinstance(body, str) else body
    has_length = any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers)
    length = () if has_length or not content else (f"content-length: {len(content)}",)
    lines = (f"{line} {version}", *filter(None, (host,)), *headers, *length)
    return "\r\n".join((*lines, "", "")).encode("latin-1") + content


def vote(
    name: str,
    *headers: str,
    poll: str = "lunch",
    body: str | bytes = VOTE,
    kind: str = JSON,
    version: str = "HTTP/1.1",
) -> bytes:
    """Return a vote of the voter with this name, or without a token if the name is empty."""
    bearer = (f"authorization: Bearer {voter(name)}",) if name else ()
    lines = (*filter(None, (kind,)), *bearer, *headers)
    return request(f"POST /v1/polls/{poll}/votes", *lines, body=body, version=version)


def chunked(body: str, size: int = 5) -> str:
    """Return the body in chunks."""
    parts = [body[place : place + size] for place in range(0, len(body), size)]
    return "".join(f"{len(part):x}\r\n{part}\r\n" for part in parts) + "0\r\n\r\n"


def single_case(
    name: str, sent: bytes, status: int, *, to_head: bool = False, differs: str = "", fast_path: int = 0
) -> Case:
    """Return a case of one request in one segment.

    If uvicorn alone behaves differently, the request uses the poll ``odd``, on which no other case depends.
    """
    if differs:
        sent = sent.replace(b"/v1/polls/lunch/", b"/v1/polls/odd/")
    return Case(name, [sent], [status], to_head, differs, fast_path)
