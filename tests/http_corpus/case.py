"""What one exchange of the corpus is, and how its requests are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.http_corpus.servers import voter

VOTE = '{"choice":"rice"}'
JSON = "content-type: application/json"


H2C = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")
"""What curl --http2 sends."""


class Case(NamedTuple):
    """Requests on one connection: what is sent, what must come, and where uvicorn alone is another matter.

    ``to_head``: answers without a body. ``ours``: why uvicorn's own protocol
    answers otherwise; ``lane``: how many a lane must have taken, None where that is a matter of timing.
    """

    name: str
    segments: Sequence[bytes]
    statuses: Sequence[int]
    to_head: bool = False
    ours: str = ""
    lane: int | None = None
    is_whole: bool = True
    """Whether the last request is: else nothing can be asked behind it."""


def request(
    line: str,
    *headers: str,
    body: str | bytes = "",
    host: str = "host: polls.example",
    version: str = "HTTP/1.1",
) -> bytes:
    """A request; a body brings its length with it unless a header has told."""
    content = body.encode() if isinstance(body, str) else body
    told = any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers)
    length = () if told or not content else (f"content-length: {len(content)}",)
    lines = (f"{line} {version}", *filter(None, (host,)), *headers, *length)
    return "\r\n".join((*lines, "", "")).encode("latin-1") + content


def vote(
    who: str,
    *headers: str,
    poll: str = "lunch",
    body: str | bytes = VOTE,
    kind: str = JSON,
    version: str = "HTTP/1.1",
) -> bytes:
    """A vote by the voter of this name; of nobody where it is empty."""
    bearer = (f"authorization: Bearer {voter(who)}",) if who else ()
    lines = (*filter(None, (kind,)), *bearer, *headers)
    return request(f"POST /v1/polls/{poll}/votes", *lines, body=body, version=version)


def chunked(body: str, size: int = 5) -> str:
    """A body in chunks."""
    parts = [body[place : place + size] for place in range(0, len(body), size)]
    return "".join(f"{len(part):x}\r\n{part}\r\n" for part in parts) + "0\r\n\r\n"


def one(name: str, sent: bytes, status: int, *, to_head: bool = False, ours: str = "", lane: int = 0) -> Case:
    """A single request in a single segment.

    Where uvicorn alone has another effect, it is on a poll that nothing else is about.
    """
    if ours:
        sent = sent.replace(b"/v1/polls/lunch/", b"/v1/polls/odd/")
    return Case(name, [sent], [status], to_head, ours, lane)
