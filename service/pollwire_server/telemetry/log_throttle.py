"""Throttle for repeated log lines: the first at once, later ones at growing intervals with a count.

A store that rejects every call does so thousands of times a second, and a retry loop runs for hours. A log
with one line for each would fill the disk, which would then be the next failure. This filter of the log
handler is the only place that limits lines, so every module, library and process is covered.

How. Lines of one logger that differ only in words with digits (a slot, a random id) are of one kind. The
first line of a kind is logged. Further lines within the interval are counted, and the latest of them is
logged with the count when the interval ends; then the interval doubles, up to ``MAX_INTERVAL_S``. So the last
state, such as a recovery, always appears. A kind without lines for one interval starts again. Lines about
different subjects, such as two workers, pass ``extra={"subject": ...}`` and are separate kinds.

The latest line is logged by the next line of any kind or by a timer, whichever comes first.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Final

FIRST_INTERVAL_S: Final = 10.0
MAX_INTERVAL_S: Final = 600.0
MAX_KINDS: Final = 1_000
"""Kinds in memory; the oldest is forgotten first."""

_NUMBERED_WORD: Final = re.compile(r"[\w-]*\d[\w-]*")


class _Kind:
    """State of one kind of lines."""

    __slots__ = ("interval_s", "latest", "suppressed", "until_s")

    def __init__(self, until_s: float) -> None:
        self.interval_s = FIRST_INTERVAL_S
        self.until_s = until_s
        self.suppressed = 0
        self.latest: logging.LogRecord | None = None


class RepeatFilter(logging.Filter):
    """Filter of a handler that limits repeated lines. ``clock`` returns monotonic seconds."""

    def __init__(
        self,
        emit: Callable[[logging.LogRecord], object],
        clock: Callable[[], float] = time.monotonic,
        *,
        uses_timer: bool = True,
    ) -> None:
        super().__init__()
        self._emit = emit
        self._clock = clock
        self._uses_timer = uses_timer
        self._kinds: dict[tuple[str, int, str, str], _Kind] = {}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._timer_due_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the record is to be logged now."""
        with self._lock:
            self.flush()
            now, key = self._clock(), _kind_of(record)
            kind = self._kinds.get(key)
            if kind is None or now >= kind.until_s:
                if len(self._kinds) >= MAX_KINDS:
                    del self._kinds[next(iter(self._kinds))]
                self._kinds[key] = _Kind(now + FIRST_INTERVAL_S)
                return True
            kind.suppressed += 1
            kind.latest = record
            self._start_timer(kind.until_s)
            return False

    def flush(self) -> None:
        """Log the latest line of every kind whose interval has ended, with the number of lines in it."""
        with self._lock:
            now = self._clock()
            for kind in list(self._kinds.values()):
                if kind.latest is None or now < kind.until_s:
                    continue
                record, number = kind.latest, kind.suppressed
                kind.latest, kind.suppressed = None, 0
                kind.interval_s = min(2 * kind.interval_s, MAX_INTERVAL_S)
                kind.until_s = now + kind.interval_s
                self._emit(_with_count(record, number))

    def _start_timer(self, due_s: float) -> None:
        if not self._uses_timer or (self._timer is not None and self._timer_due_s <= due_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = due_s
        self._timer = threading.Timer(max(due_s - self._clock(), 0.01), self._on_timer)
        self._timer.daemon = True
        self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
            self.flush()
            pending = [kind.until_s for kind in self._kinds.values() if kind.latest is not None]
            if pending:
                self._start_timer(min(pending))


def _kind_of(record: logging.LogRecord) -> tuple[str, int, str, str]:
    text = _NUMBERED_WORD.sub("", record.getMessage())
    return record.name, record.levelno, str(getattr(record, "subject", "")), text


def _with_count(record: logging.LogRecord, number: int) -> logging.LogRecord:
    if number > 1:
        record.msg, record.args = f"{record.getMessage()} ({number:,} such lines in the interval)", None
    return record
