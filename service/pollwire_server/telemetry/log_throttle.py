"""A log line that would come once a call is told at once, then seldom, with how many were left out since.

A store that refuses what it is asked does so some thousands of times a second, and a log that says each fills
a disk, which then is the next thing to fail. Lines are the same where they differ in numbers alone (a slot, a
line of a script), so what is kept of them is bounded by how many sentences there are. Nothing is told by a
timer: the number left out comes with the next line of its kind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

EVERY_S: Final = 10.0
"""Often enough to see that it goes on, and 6 lines a minute."""

_NO_DIGITS: Final = dict.fromkeys(map(ord, "0123456789"))


class _Line(NamedTuple):
    told_at: float
    left_out: int


class LogThrottle:
    """Says of each line whether it is to be told; ``clock`` answers in seconds and never goes back."""

    __slots__ = ("_clock", "_every_s", "_lines")

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    def line_to_log(self, line: str) -> str | None:
        """``line`` as it is to be told, with how many like it were left out before; None: leave it out."""
        now, kind = self._clock(), line.translate(_NO_DIGITS)
        last = self._lines.get(kind)
        if last is not None and now - last.told_at < self._every_s:
            self._lines[kind] = _Line(last.told_at, last.left_out + 1)
            return None
        self._lines[kind] = _Line(now, 0)
        return f"{line} (and {last.left_out:,} more like it)" if last and last.left_out else line
