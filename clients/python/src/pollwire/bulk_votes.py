"""Bulk votes: a back end sends the votes of voters that it knows, in parts of one request each.

The service responds to each line while it still receives further lines. Our
HTTP client sends the whole body before it reads the response. It must not send
more lines than the service buffers responses for, so votes are sent in parts of
``LINES_A_PART``. A part is small enough to show progress, and large enough that
the round trips between parts cost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

LINES_A_PART: Final = 5_000
NDJSON: Final = "application/x-ndjson"
ANSWERED_WITHIN_S: Final = 60.0
"""Timeout of a part. The service counts about 10,000 lines a second, and may be busy with another part."""

Vote = Mapping[str, Any] | bytes
"""``{"voter", "choice", "revision"?}``, or the bytes of such a line of a file."""


def parts_of(votes: Iterable[Vote]) -> Iterator[tuple[int, bytes]]:
    """Yield the bodies to send, in order, each with the number of lines before it."""
    lines, before = iter(votes), 0
    while part := [_line(vote) for vote in islice(lines, LINES_A_PART)]:
        yield before, b"".join(part)
        before += len(part)


def _line(vote: Vote) -> bytes:
    """Return the vote as one line. Line breaks inside it become spaces."""
    if isinstance(vote, bytes):
        return vote.rstrip(b"\r\n").replace(b"\n", b" ") + b"\n"
    return json.dumps(vote, ensure_ascii=False).encode() + b"\n"
