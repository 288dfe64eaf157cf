"""Rate limits by network for actions outside a poll, and single-use values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.store.keys import rate_limits_key, used_once_key
from pollwire_server.store.transport.connection import StoreConnection

MAX_DEBT_PERIODS: Final = 8
"""Maximum debt of a network through challenges, as a multiple of its limit."""
ANY_DEBT: Final = 9


class RateLimitRequest(NamedTuple):
    """A request of one network (8 bytes)."""

    network: bytes
    paid_debt: int | None = None
    """A challenge paid for it: it is granted while the network's debt is below this number of periods."""
    gets_challenge: bool = False
    """A rejection creates a challenge, which costs a part of a token."""

    @property
    def encoded(self) -> bytes:
        """Return the argument of ``take_rate_limit``."""
        if self.paid_debt is not None:
            return b"%d" % min(self.paid_debt, ANY_DEBT) + self.network
        return (b"p" if self.gets_challenge else b"a") + self.network


class RateLimiter:
    """Rate limiter of one kind of action (``voters``), shared by all workers."""

    def __init__(self, connection: StoreConnection, name: str) -> None:
        self._connection = connection
        self._key = rate_limits_key(connection.namespace, name)

    async def acquire_many(self, limit: RateLimit, requests: Sequence[RateLimitRequest]) -> list[int]:
        """Take one token for each request.

        Return 0 or the wait in ms for each. Raises ``StoreUnavailable``.
        """
        max_debt_ms = MAX_DEBT_PERIODS * limit.period_ms
        args: list[bytes | str | int] = [limit.count, limit.seconds, max_debt_ms]
        args += [request.encoded for request in requests]
        _, _, *waits = await self._connection.call("take_rate_limit", (self._key,), args)
        return [int(wait) for wait in waits]

    async def use_once(self, name: bytes, lives_ms: int) -> bool:
        """Mark ``name`` as used for ``lives_ms``.

        Return False if it was used before. Raises ``StoreUnavailable``.
        """
        key = used_once_key(self._connection.namespace, name)
        return await self._connection.command("SET", key, 1, "NX", "PX", lives_ms) is not None
