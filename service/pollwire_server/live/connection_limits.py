"""How many streams one address may have open: a count for each address, kept only where there is a limit.

Each worker counts its own. The kernel spreads one address's connections over the workers by chance, so a
limit divided among them would refuse somebody who is well below it; counted together in the store, every
handshake would wait for a round trip.

How many handshakes a second one worker takes: the next is turned away before anything is done for it.

A handshake costs some ten times what a frame does. A crowd that joins at once is welcome, and far below the
default; a machine that opens sockets as fast as it can would leave no time for votes. One number is kept and
compared, at no cost worth telling (the arithmetic is that of limits by network, ``domain/allowance.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pollwire_server.domain.errors import Overloaded, PollwireError
from pollwire_server.domain.rate_limit import RateLimit, acquire

CONNECTION_RETRY_AFTER_S: Final = 10


class ConnectionLimitExceeded(Overloaded):
    """This address has as many streams open as it may."""

    def __init__(self) -> None:
        PollwireError.__init__(
            self, "Too many streams are open from this address; close some, or come back a little later."
        )
        self.retry_after_s = CONNECTION_RETRY_AFTER_S


class ConnectionLimiter:
    """Who has how many streams; ``most`` for one address, None for any number."""

    __slots__ = ("_most", "_taken")

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._taken: dict[bytes, int] = {}

    def acquire(self, address: bytes) -> bool:
        """Whether there was a seat, to be left at the stream's end; an unknown address always finds one."""
        if self._most is None or not address:
            return True
        taken = self._taken.get(address, 0)
        if taken >= self._most:
            return False
        self._taken[address] = taken + 1
        return True

    def release(self, address: bytes) -> None:
        """One stream less."""
        if self._most is None or not address:
            return
        if self._taken[address] == 1:
            del self._taken[address]
        else:
            self._taken[address] -= 1

    def __len__(self) -> int:
        return len(self._taken)


HANDSHAKES_PER_S: Final = 5_000
"""About half of what a worker can open while it does nothing else; as many come at once, or in a row."""
HANDSHAKE_RETRY_AFTER_S: Final = 2


class HandshakeRateExceeded(Overloaded):
    """More handshakes in a second than this worker takes."""

    def __init__(self) -> None:
        PollwireError.__init__(self, "Too many streams are being opened just now; come back in a moment.")
        self.retry_after_s = HANDSHAKE_RETRY_AFTER_S


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
