"""Results of ranked polls by instant run-off, for single requests. Streams show first preferences only.

Rankings are read page by page, so that votes never wait for a poll with many rankings. Each page carries the
totals of its moment. Pages with the same position belong to one moment. If a vote arrives between two pages,
the reader starts again, up to ``_TRIES`` times in all. A poll that fits into one page (thousands of
rankings) is not affected.

A result is cached until the poll's position or version changes. Callers that arrive during a count share the
next one, so a crowd costs one count.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.instant_runoff import RunoffResult, count_instant_runoff
from pollwire_server.domain.poll import Kind
from pollwire_server.store.keys import RANKINGS
from pollwire_server.store.polls.cache import PollCache, snapshot_from
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.transport.single_flight import SingleFlight

MAX_CACHED_RESULTS: Final = 256
"""Cached results, some KB each; the oldest entry is evicted first."""
_TRIES: Final = 4
_MAX_INLINE_RANKINGS: Final = 2_000
"""Distinct rankings that are counted in well under 10 ms. More are counted in a thread."""


class RankedReading(NamedTuple):
    """Ranked poll at one moment. ``outcome`` is None if new votes interrupted every attempt to read it."""

    reading: PollReading
    outcome: RunoffResult | None


class _Page(NamedTuple):
    reading: PollReading
    cursor: bytes
    rankings: dict[str, int]

    @property
    def position(self) -> tuple[bytes, str, int]:
        return _position(self.reading)


class RankedResultReader:
    """Reads ranked polls and computes their run-off."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, cache: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._cache = cache
        self._results: dict[str, RankedReading] = {}
        self._counts = SingleFlight(self._count_and_cache)

    async def with_runoff(self, reading: PollReading) -> RankedReading:
        """Return the run-off of the poll, as of the reading or later.

        Raises ``PollNotFound`` and ``StoreUnavailable``.
        """
        poll_id = reading.record.poll.id
        cached = self._results.get(poll_id)
        if (
            cached is not None
            and cached.outcome is not None
            and _position(cached.reading) == _position(reading)
        ):
            return RankedReading(reading, cached.outcome)
        return await self._counts.run(poll_id)

    async def _count_and_cache(self, poll_id: str) -> RankedReading:
        result = await self._count(poll_id)
        if len(self._results) >= MAX_CACHED_RESULTS:
            del self._results[next(iter(self._results))]
        self._results[poll_id] = result
        return result

    async def _count(self, poll_id: str) -> RankedReading:
        for _ in range(_TRIES):
            reading, profile = await self._read(poll_id)
            if profile is None:
                continue
            if reading.record.poll.kind is not Kind.RANKED:  # edited since the caller read it
                break
            if len(profile) <= _MAX_INLINE_RANKINGS:
                return RankedReading(reading, count_instant_runoff(reading.record.poll, profile))
            return RankedReading(
                reading, await asyncio.to_thread(count_instant_runoff, reading.record.poll, profile)
            )
        return RankedReading(reading, None)

    async def _read(self, poll_id: str) -> tuple[PollReading, dict[str, int] | None]:
        """Return all rankings of one moment, or None if the poll changed between two pages."""
        first = page = await self._page(poll_id, b"0")
        profile = dict(first.rankings)
        while page.cursor != b"0":
            page = await self._page(poll_id, page.cursor)
            if page.position != first.position:
                return page.reading, None
            profile |= page.rankings
        return page.reading, profile

    async def _page(self, poll_id: str, cursor: bytes) -> _Page:
        cached = self._cache.get(poll_id)
        keys = self._cache.keys_of(poll_id)
        epoch, seq = self._positions.highest(poll_id)
        args = (b"" if cached is None else cached.stamp, epoch, seq, cursor)
        reply = await self._connection.call("read_rankings", (*keys[:2], keys[RANKINGS]), args)
        if reply[0] == ReplyCode.GONE.encode():
            self._cache.discard(poll_id)
            raise PollNotFound(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        reading = PollReading(self._cache.update(poll_id, snapshot, cached), snapshot.tally)
        flat = reply[3]
        rankings = {
            ranking.decode(): int(number) for ranking, number in zip(flat[::2], flat[1::2], strict=True)
        }
        return _Page(reading, reply[2], rankings)


def _position(reading: PollReading) -> tuple[bytes, str, int]:
    """Return the inputs of a count: the poll's version (the order of options breaks ties) and the votes."""
    return reading.record.stamp, reading.tally.epoch, reading.tally.seq
