"""The rankings of ranked polls, read and counted out for whoever asks once; streams tell first preferences.

Rankings are read a page at a time, each page with the totals of its instant,
so that votes never wait for a poll of many rankings. Pages of one position
are parts of one instant; when a vote comes between two of them they are read
again, a few times. Up to a page (thousands of rankings, so nearly every poll)
that cannot happen.

What was counted out is kept until the poll moves on, and whoever asks while a
count is under way shares the next one, so that a crowd costs one count.
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

MOST_KEPT: Final = 256
"""Polls whose last count is kept, some KB each."""
_TRIES: Final = 4
_INLINE: Final = 2_000
"""Rankings counted out in well under 10 ms; more are counted beside the event loop."""


class RankedReading(NamedTuple):
    """One instant of a ranked poll; ``outcome`` is None where votes came too fast for many rankings."""

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
    """Counts ranked polls out."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, records: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._records = records
        self._kept: dict[str, RankedReading] = {}
        self._turns = SingleFlight(self._count_and_keep)

    async def with_runoff(self, reading: PollReading) -> RankedReading:
        """The poll of a reading, counted out as of that reading or later.

        Raises ``PollNotFound`` and ``StoreUnavailable``.
        """
        poll_id = reading.record.poll.id
        kept = self._kept.get(poll_id)
        if kept is not None and kept.outcome is not None and _position(kept.reading) == _position(reading):
            return RankedReading(reading, kept.outcome)
        return await self._turns.run(poll_id)

    async def _count_and_keep(self, poll_id: str) -> RankedReading:
        counted = await self._count(poll_id)
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[poll_id] = counted
        return counted

    async def _count(self, poll_id: str) -> RankedReading:
        for _ in range(_TRIES):
            reading, profile = await self._read(poll_id)
            if profile is None:
                continue
            if reading.record.poll.kind is not Kind.RANKED:  # edited since the caller looked
                break
            if len(profile) <= _INLINE:
                return RankedReading(reading, count_instant_runoff(reading.record.poll, profile))
            return RankedReading(
                reading, await asyncio.to_thread(count_instant_runoff, reading.record.poll, profile)
            )
        return RankedReading(reading, None)

    async def _read(self, poll_id: str) -> tuple[PollReading, dict[str, int] | None]:
        """All rankings of one instant, or None where the poll moved on between two pages."""
        first = page = await self._page(poll_id, b"0")
        profile = dict(first.rankings)
        while page.cursor != b"0":
            page = await self._page(poll_id, page.cursor)
            if page.position != first.position:
                return page.reading, None
            profile |= page.rankings
        return page.reading, profile

    async def _page(self, poll_id: str, cursor: bytes) -> _Page:
        known = self._records.get(poll_id)
        keys = self._records.keys_of(poll_id)
        epoch, seq = self._positions.highest(poll_id)
        args = (b"" if known is None else known.stamp, epoch, seq, cursor)
        reply = await self._connection.call("read_rankings", (*keys[:2], keys[RANKINGS]), args)
        if reply[0] == ReplyCode.GONE.encode():
            self._records.forget(poll_id)
            raise PollNotFound(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        reading = PollReading(self._records.update(poll_id, snapshot, known), snapshot.tally)
        flat = reply[3]
        rankings = {
            ranking.decode(): int(number) for ranking, number in zip(flat[::2], flat[1::2], strict=True)
        }
        return _Page(reading, reply[2], rankings)


def _position(reading: PollReading) -> tuple[bytes, str, int]:
    """What a count depends on: the poll's version (its options' order breaks ties), and the votes."""
    return reading.record.stamp, reading.tally.epoch, reading.tally.seq
