"""One timer for all quiet sockets: each says at which second it wants to be woken, and sleeps at no cost.

A timer a socket would be a handle in the loop's heap and a cancellation at
every message; a sweep over all sockets would hold the loop. Here a socket
lies in the bucket of one second, and only the bucket that is due is emptied,
in slices. Coarse is good enough: everything timed here is counted in seconds.
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
"""The longest that waking may hold the loop."""


class TimerTarget(Protocol):
    """What is woken. Must not raise."""

    def on_timer(self) -> float | None:
        """Does what is due; the instant (the wheel's ``now``) at which to be woken next, or None: no more."""


class TimerWheel:
    """Buckets of sleepers, by turn (a second). For one event loop; it turns while anybody sleeps."""

    def __init__(self, turn_s: float = 1.0) -> None:
        self.now = 0.0
        """Seconds on the loop's clock, as of the last turn; at most one turn old while anybody sleeps."""
        self._turn_s = turn_s
        self._buckets: dict[int, list[TimerTarget]] = {}
        self._due: deque[TimerTarget] = deque()
        self._turned = 0
        self._timer: asyncio.TimerHandle | None = None

    def schedule(self, sleeper: TimerTarget, at: float) -> None:
        """``sleeper`` is woken at the first turn at or after ``at``, the turn under way not being one."""
        if self._timer is None:
            self._start()
        turn = max(math.ceil(at / self._turn_s), self._turned + 1)
        bucket = self._buckets.get(turn)
        if bucket is None:
            bucket = self._buckets[turn] = []
        bucket.append(sleeper)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._turned = int(self.now / self._turn_s)
        self._timer = self._book_turn(loop)

    def _book_turn(self, loop: asyncio.AbstractEventLoop) -> asyncio.TimerHandle:
        return loop.call_at((self._turned + 1) * self._turn_s, self._turn)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        turns = int(self.now / self._turn_s)
        while self._turned < turns:
            self._turned += 1
            self._due.extend(self._buckets.pop(self._turned, ()))
        self._wake_some()
        is_needed = self._buckets or self._due
        self._timer = self._book_turn(loop) if is_needed else None

    def _wake_some(self) -> None:
        deadline = time.perf_counter() + SLICE_S
        while self._due:
            sleeper = self._due.popleft()
            try:
                again = sleeper.on_timer()
            except Exception:
                log.exception("A socket could not be woken.")
                again = None
            if again is not None:
                self.schedule(sleeper, again)
            if time.perf_counter() >= deadline:
                asyncio.get_running_loop().call_soon(self._wake_some)
                return
