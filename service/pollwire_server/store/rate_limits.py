"""What each network may still do that no one poll is asked about: one step of the store for many who ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.store.keys import rate_limits_key, used_once_key
from pollwire_server.store.transport.connection import StoreConnection

MOST_OWED: Final = 8
"""How many times its limit a network may owe by what was forced."""


class RateLimitRequest(NamedTuple):
    """One network (8 bytes) that takes one; ``is_forced``: for which it has paid in another way."""

    network: bytes
    is_forced: bool = False


class RateLimiter:
    """The buckets of one kind (``voters``), all workers' together."""

    def __init__(self, connection: StoreConnection, name: str) -> None:
        self._connection = connection
        self._key = rate_limits_key(connection.namespace, name)

    async def acquire_many(self, limit: RateLimit, takings: Sequence[RateLimitRequest]) -> list[int]:
        """For each, 0 where one was taken, else the ms to wait. Raises ``StoreUnavailable``."""
        owed_ms = MOST_OWED * limit.period_ms
        marked = [(b"f" if is_forced else b"a") + network for network, is_forced in takings]
        args: list[bytes | str | int] = [limit.count, limit.seconds, owed_ms, *marked]
        _, _, *waits = await self._connection.call("take_rate_limit", (self._key,), args)
        return [int(wait) for wait in waits]

    async def use_once(self, name: bytes, lives_ms: int) -> bool:
        """Whether nobody has spent ``name`` before, within ``lives_ms``. Raises ``StoreUnavailable``."""
        key = used_once_key(self._connection.namespace, name)
        return await self._connection.command("SET", key, 1, "NX", "PX", lives_ms) is not None
