"""Location of each poll: the hash slot of its id, or the hash slot of its series.

How. A poll without a series is stored in the slot of its id. A poll of a series is stored in the slot of the
series; a *location* record in the slot of the id names the series. Two slots can be two servers, so creating
such a poll takes three steps:

1. Claim the id: write the location record if neither a poll nor another record exists there.
2. Create the poll in the slot of the series.
3. Claim again for the poll that exists now, which makes the claim permanent.

Each step can be repeated. Sending an interrupted creation again completes it.

A read tries the slot of the id first. If it finds a location record there, the same step returns the series.
The reader then reads the slot of the series and caches the location. A wrong cache entry finds no poll, and
the reader starts again at the id, so the cache is never trusted. A poll without a series costs nothing extra.

Deletion removes the poll first and its location record second. It removes the record only if the record
belongs to the same incarnation, so a poll created meanwhile under the same id keeps its own. A claim without
a poll yields to another claim after ``CLAIM_TTL_MS``, when its creation can no longer be in progress.

Alternatives. A list of all ids in one slot would make every first read of any poll access two slots. An id
that contains the series would put the series into every URL, and it could never change.
"""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.errors import PollExists
from pollwire_server.store.keys import audit_key, keys_of, location_key, series_keys
from pollwire_server.store.polls.cache import PollCache
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

CLAIM_TTL_MS: Final = 30_000
"""Lifetime of a claim without a poll. The caller of a slower creation has stopped waiting long before."""
_TRIES: Final = 3


class PollLocations:
    """Claims of poll ids, and the series of each poll."""

    def __init__(self, connection: StoreConnection, cache: PollCache) -> None:
        self._connection = connection
        self._cache = cache

    def keys_of(self, poll_id: str) -> tuple[bytes, ...]:
        """Return the keys that admin functions take: the poll's, its location record's or series', its
        log's."""
        namespace, series = self._connection.namespace, self._cache.series_of(poll_id)
        extra = (location_key(namespace, poll_id),) if series is None else series_keys(namespace, series)
        return (*keys_of(namespace, poll_id, series), *extra, audit_key(namespace, poll_id, series))

    async def claim(self, poll_id: str, series: str, incarnation: str | bytes) -> None:
        """Claim the id for a poll of the series. Raises ``PollExists`` if the id belongs to another poll."""
        namespace = self._connection.namespace
        keys = (keys_of(namespace, poll_id)[0], location_key(namespace, poll_id))
        for _ in range(_TRIES):
            answer, *other_claim = await self._connection.call("claim_poll_id", keys, (series, incarnation))
            if answer == ReplyCode.DONE.encode():
                self._cache.set_location(poll_id, series)
                return
            if answer == ReplyCode.EXISTS.encode():
                break
            await self.release_stale_claim(poll_id, *other_claim)
        raise PollExists(poll_id)

    async def release_stale_claim(
        self, poll_id: str, series: bytes, incarnation: bytes, at: int, now: int
    ) -> None:
        """Release an expired claim of the id that has no poll. Raises ``PollExists`` for any other claim."""
        keys = keys_of(self._connection.namespace, poll_id, series.decode())[:2]
        (answer, *_) = await self._connection.call("read_poll", keys, (b"", b"", 0))
        if answer != ReplyCode.GONE.encode() or now - at < CLAIM_TTL_MS:
            raise PollExists(poll_id)
        await self.release(poll_id, incarnation)

    async def release(self, poll_id: str, incarnation: bytes) -> None:
        """Release the id of a deleted poll, unless another incarnation has claimed the id since."""
        keys = (location_key(self._connection.namespace, poll_id),)
        await self._connection.call("release_poll_id", keys, (incarnation,))

    async def series_of(self, poll_id: str) -> str | None:
        """Return the series of the poll, also after the poll's deletion; None for a poll without a series."""
        cached = self._cache.series_of(poll_id)
        if cached is not None or self._cache.get(poll_id) is not None:
            return cached
        key = location_key(self._connection.namespace, poll_id)
        series = await self._connection.command("HGET", key, "series")
        return None if series is None else series.decode()
