"""Rate limits by network for actions outside a poll, and single-use values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.store.keys import rate_limits_key, used_once_key
from pollwire_server.store.transport.connection import StoreConnection

MAX_DEBT_PERIODS: Final = 8
"""Maximum debt of a network through forced requests, as a multiple of its limit."""


class RateLimitRequest(NamedTuple):
    """A request of one network (8 bytes).

    A forced one is always granted, because it was paid by proof of work.
    """

    network: bytes
    is_forced: bool = False


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
        marked = [(b"f" if is_forced else b"a") + network for network, is_forced in requests]
        args: list[bytes | str | int] = [limit.count, limit.seconds, max_debt_ms, *marked]
        _, _, *waits = await self._connection.call("take_rate_limit", (self._key,), args)
        return [int(wait) for wait in waits]

    async def use_once(self, name: bytes, lives_ms: int) -> bool:
        """Mark ``name`` as used for ``lives_ms``.

        Return False if it was used before. Raises ``StoreUnavailable``.
        """
        key = used_once_key(self._connection.namespace, name)
        return await self._connection.command("SET", key, 1, "NX", "PX", lives_ms) is not None
