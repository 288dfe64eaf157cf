"""Connection limits of live streams: open streams for each address and network, and handshakes a second.

Each worker counts open streams on its own. The kernel distributes an address's connections over the workers
at random, so a limit divided by the number of workers would reject clients that are far below it. A shared
count in the store would cost every handshake a round trip.

Each worker also limits its handshakes a second, and rejects the next one before any other work. A handshake
costs ten times as much as a frame. The default is far above any real audience. A machine that opens sockets
at full speed would leave no time for votes. The limiter stores a single number (GCRA, see
``domain/rate_limit.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pollwire_server.auth.client_address import ClientAddress
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
    """Counts open streams by address and network.

    ``limit``: streams of each address. ``share``: streams of each network, except clients on this machine.
    None means no limit.
    """

    __slots__ = ("_counts", "_limit", "_share")

    def __init__(self, limit: int | None = None, share: int | None = None) -> None:
        self._limit = limit
        self._share = share
        self._counts: dict[bytes, int] = {}

    def acquire(self, address: bytes) -> bool:
        """Take a slot, to be released when the stream ends. Return False if none is free.

        Unknown addresses (empty bytes) are not limited.
        """
        limits, counts = self._limits(address), self._counts
        if any(counts.get(bucket, 0) >= limit for bucket, limit in limits.items()):
            return False
        for bucket in limits:
            counts[bucket] = counts.get(bucket, 0) + 1
        return True

    def release(self, address: bytes) -> None:
        """Release a slot."""
        for bucket in self._limits(address):
            if self._counts[bucket] == 1:
                del self._counts[bucket]
            else:
                self._counts[bucket] -= 1

    def _limits(self, address: bytes) -> dict[bytes, int]:
        """Return the limit of each bucket that the address counts for. For IPv6, the address is the /64."""
        limits = {}
        if self._share is not None and address and not _is_loopback(address):
            limits[ClientAddress(address).network] = self._share
        if self._limit is not None and address:
            limits[address] = min(self._limit, limits.get(address, self._limit))
        return limits

    def __len__(self) -> int:
        return len(self._counts)


def _is_loopback(address: bytes) -> bool:
    """Return True for 127.0.0.0/8 and for the /64 of ::1."""
    return address == bytes(8) or (len(address) == 4 and address[0] == 127)


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
