"""Throttle for repeated log lines: the first is logged immediately, later ones rarely and with a count.

A store that rejects every call does so thousands of times a second. A log with one line for each call would
fill the disk, which would then be the next failure. Lines that differ only in numbers (a slot, a line of a
script) count as equal, so memory is bounded by the number of different sentences. There is no timer: the
number of suppressed lines appears on the next line of its kind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

INTERVAL_S: Final = 10.0
"""Frequent enough to see that a failure continues: at most 6 lines a minute."""

_NO_DIGITS: Final = dict.fromkeys(map(ord, "0123456789"))


class _LastLine(NamedTuple):
    logged_at: float
    suppressed: int


class LogThrottle:
    """Decides for each line whether to log it. ``clock`` returns monotonic seconds."""

    __slots__ = ("_clock", "_interval_s", "_last_lines")

    def __init__(self, interval_s: float = INTERVAL_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._last_lines: dict[str, _LastLine] = {}

    def line_to_log(self, line: str) -> str | None:
        """Return the line to log, with the number of suppressed similar lines, or None to suppress it."""
        now, kind = self._clock(), line.translate(_NO_DIGITS)
        last = self._last_lines.get(kind)
        if last is not None and now - last.logged_at < self._interval_s:
            self._last_lines[kind] = _LastLine(last.logged_at, last.suppressed + 1)
            return None
        self._last_lines[kind] = _LastLine(now, 0)
        return f"{line} (and {last.suppressed:,} more like it)" if last and last.suppressed else line
