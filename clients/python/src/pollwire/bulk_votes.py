"""Votes that a back end sends for voters it knows, a part at a time, each part one request.

The service answers a line as it is counted, while more of them are still
coming. An HTTP client that sends a body to its end before it reads cannot use
that, and must not send more than the service holds answers for: so votes go in
parts of ``LINES_A_PART``. A part is small enough to show how it goes on, and
large enough that the round trips between parts cost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

LINES_A_PART: Final = 5_000
NDJSON: Final = "application/x-ndjson"
ANSWERED_WITHIN_S: Final = 60.0
"""For a part: the service counts some ten thousand lines a second, and another part may be under way."""

Vote = Mapping[str, Any] | bytes
"""``{"voter", "choice", "revision"?}``, or such a line as it stands in a file."""


def parts_of(votes: Iterable[Vote]) -> Iterator[tuple[int, bytes]]:
    """The bodies to be sent one after the other, and how many lines came before each."""
    lines, before = iter(votes), 0
    while part := [_line(vote) for vote in islice(lines, LINES_A_PART)]:
        yield before, b"".join(part)
        before += len(part)


def _line(vote: Vote) -> bytes:
    """One line, however many its text would make."""
    if isinstance(vote, bytes):
        return vote.rstrip(b"\r\n").replace(b"\n", b" ") + b"\n"
    return json.dumps(vote, ensure_ascii=False).encode() + b"\n"
