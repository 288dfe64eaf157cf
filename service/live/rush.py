"""How many handshakes a second one worker takes: the next is turned away before anything is done for it.

A handshake costs some ten times what a frame does. A crowd that joins at once is welcome, and far below the
default; a machine that opens sockets as fast as it can would leave no time for votes. One number is kept and
compared, at no cost worth telling (the arithmetic is that of limits by network, ``domain/allowance.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from service.domain.allowance import RateLimit, acquire
from service.domain.errors import Overloaded, PollwireError

HANDSHAKES_PER_S: Final = 5_000
"""About half of what a worker can open while it does nothing else; as many come at once, or in a row."""
COME_BACK_AFTER_S: Final = 2


class HandshakeRateExceeded(Overloaded):
    """More handshakes in a second than this worker takes."""

    def __init__(self) -> None:
        PollwireError.__init__(self, "Too many streams are being opened just now; come back in a moment.")
        self.retry_after_s = COME_BACK_AFTER_S


class HandshakeLimiter:
    """Admits handshakes; for one event loop. ``now`` gives seconds."""

    __slots__ = ("_full_at_ms", "_limit", "_now")

    def __init__(self, per_s: int = HANDSHAKES_PER_S, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(per_s, 1)
        self._now = now
        self._full_at_ms = 0.0

    def allow(self) -> bool:
        """Whether one more handshake is taken."""
        self._full_at_ms, wait_ms = acquire(self._limit, self._full_at_ms, int(self._now() * 1000))
        return wait_ms == 0
