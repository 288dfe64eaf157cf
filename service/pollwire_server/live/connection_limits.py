"""Connection limits of live streams: open streams for each address, and handshakes a second.

Each worker counts open streams on its own. The kernel distributes an address's connections over the workers
at random, so a limit divided by the number of workers would reject clients that are far below it. A shared
count in the store would cost every handshake a round trip. Counts are kept only if a limit is set.

Each worker also limits its handshakes a second, and rejects the next one before any other work. A handshake
costs ten times as much as a frame. The default is far above any real audience. A machine that opens sockets
at full speed would leave no time for votes. The limiter stores a single number (GCRA, see
``domain/rate_limit.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pollwire_server.domain.errors import Overloaded, PollwireError
from pollwire_server.domain.rate_limit import RateLimit, acquire

CONNECTION_RETRY_AFTER_S: Final = 10


class ConnectionLimitExceeded(Overloaded):
    """The client's address has as many open streams as the limit allows."""

    def __init__(self) -> None:
        PollwireError.__init__(
            self, "Too many open streams from this address. Close some streams or try again later."
        )
        self.retry_after_s = CONNECTION_RETRY_AFTER_S


class ConnectionLimiter:
    """Counts open streams by address. ``limit``: streams for each address, or None for no limit."""

    __slots__ = ("_counts", "_limit")

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._counts: dict[bytes, int] = {}

    def acquire(self, address: bytes) -> bool:
        """Take a slot, to be released when the stream ends. Return False if none is free.

        Unknown addresses (empty bytes) are not limited.
        """
        if self._limit is None or not address:
            return True
        count = self._counts.get(address, 0)
        if count >= self._limit:
            return False
        self._counts[address] = count + 1
        return True

    def release(self, address: bytes) -> None:
        """Release a slot."""
        if self._limit is None or not address:
            return
        if self._counts[address] == 1:
            del self._counts[address]
        else:
            self._counts[address] -= 1

    def __len__(self) -> int:
        return len(self._counts)


HANDSHAKES_PER_S: Final = 5_000
"""Half of what an otherwise idle worker can accept. A burst may have as many, too."""
HANDSHAKE_RETRY_AFTER_S: Final = 2


class HandshakeRateExceeded(Overloaded):
    """This worker receives more handshakes a second than it accepts."""

    def __init__(self) -> None:
        PollwireError.__init__(self, "Too many streams are being opened. Try again in a moment.")
        self.retry_after_s = HANDSHAKE_RETRY_AFTER_S


class HandshakeLimiter:
    """Rate limiter for handshakes of one event loop. ``now`` returns seconds of a monotonic clock."""

    __slots__ = ("_limit", "_now", "_state_ms")

    def __init__(self, per_s: int = HANDSHAKES_PER_S, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(per_s, 1)
        self._now = now
        self._state_ms = 0.0

    def allow(self) -> bool:
        """Count a handshake. Return False if it exceeds the limit."""
        self._state_ms, wait_ms = acquire(self._limit, self._state_ms, int(self._now() * 1000))
        return wait_ms == 0
