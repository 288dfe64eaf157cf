"""Hashed timer wheel: one timer for all fast-path sockets. A waiting socket costs no CPU time.

One event loop timer for each socket would need a heap entry, and a cancellation with every message. A
periodic sweep over all sockets would block the event loop. Here a socket lies in the bucket of one tick. Only
the bucket that is due is emptied, in slices. The coarse resolution of one second suffices, because all
timeouts here are several seconds long.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from typing import Final, Protocol

log = logging.getLogger("pollwire.live")

SLICE_S: Final = 0.005
"""Longest time that timer callbacks may block the event loop."""


class TimerTarget(Protocol):
    """Receives timer callbacks. ``on_timer`` must not raise."""

    def on_timer(self) -> float | None:
        """Run due work. Return the next instant (s, the wheel's clock) to be called, or None for never."""


class TimerWheel:
    """Timer wheel of one event loop. A bucket holds the targets of one tick. An empty wheel does not tick."""

    def __init__(self, tick_s: float = 1.0) -> None:
        self.now = 0.0
        """Event loop time (s) of the last tick. At most one tick old while the wheel has targets."""
        self._tick_s = tick_s
        self._buckets: dict[int, list[TimerTarget]] = {}
        self._due: deque[TimerTarget] = deque()
        self._current_tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def schedule(self, target: TimerTarget, at: float) -> None:
        """Call ``target.on_timer()`` at the first tick at or after ``at``. Never in the current tick."""
        if self._timer is None:
            self._start()
        tick = max(math.ceil(at / self._tick_s), self._current_tick + 1)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
        bucket.append(target)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._current_tick = int(self.now / self._tick_s)
        self._timer = self._schedule_tick(loop)

    def _schedule_tick(self, loop: asyncio.AbstractEventLoop) -> asyncio.TimerHandle:
        return loop.call_at((self._current_tick + 1) * self._tick_s, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        tick = int(self.now / self._tick_s)
        while self._current_tick < tick:
            self._current_tick += 1
            self._due.extend(self._buckets.pop(self._current_tick, ()))
        self._call_due()
        is_needed = self._buckets or self._due
        self._timer = self._schedule_tick(loop) if is_needed else None

    def _call_due(self) -> None:
        slice_ends_at = time.perf_counter() + SLICE_S
        while self._due:
            target = self._due.popleft()
            try:
                next_at = target.on_timer()
            except Exception:
                log.exception("Timer callback failed")
                next_at = None
            if next_at is not None:
                self.schedule(target, next_at)
            if time.perf_counter() >= slice_ends_at:
                asyncio.get_running_loop().call_soon(self._call_due)
                return
