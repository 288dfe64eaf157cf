"""A poll's totals over time, read in one step with the totals of now.

Many may ask for one chart at once, and it is the longest thing that a poll
has: whoever comes while it is being read shares the read that begins next,
and the points, which never change once they are kept, are written out once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.timeline import TimelineSample, newest_sample, timeline_of
from pollwire_server.store.keys import TIMELINE
from pollwire_server.store.polls.cache import PollCache, PollRecord, snapshot_from
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.transport.single_flight import SingleFlight

MOST_KEPT: Final = 32
"""Polls whose points are kept as they are written out: some 200 KB each where they are 2,000."""

_HEAD: Final = struct.Struct(">6sI")
_COUNT: Final = struct.Struct(">cI")
"""A point as the store has it (``functions/includes/timeline.lua``)."""


class TimelineReading(NamedTuple):
    """A poll at one instant, and its totals until then."""

    reading: PollReading
    kept: tuple[bytes, ...]
    """Each point that the store keeps, as JSON."""
    newest: TimelineSample | None
    """The totals of the reading; None where nothing was ever counted."""
    interval_ends: int | None
    """The end of the interval that the newest point lies in, in milliseconds."""

    @property
    def body(self) -> bytes:
        """The whole answer."""
        return self._with(self.newest)

    @property
    def content(self) -> bytes:
        """What it says, without when it was read: an interval that lasts is told as if it were over."""
        newest, ends = self.newest, self.interval_ends
        if newest is None or ends is None:
            return self.body
        return self._with(msgspec.structs.replace(newest, at=max(newest.at, ends)))

    def _with(self, newest: TimelineSample | None) -> bytes:
        points = self.kept if newest is None else (*self.kept, _written(self.reading.record, newest))
        return b'{"points":[' + b",".join(points) + b"]}"


class Timelines:
    """Reads timelines."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, records: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._records = records
        self._written: dict[str, _EncodedPoints] = {}
        self._turns = SingleFlight(self._read)

    async def read(self, poll_id: str) -> TimelineReading:
        """The timeline by a read that begins after this call. ``PollNotFound``, ``StoreUnavailable``."""
        return await self._turns.run(poll_id)

    async def _read(self, poll_id: str) -> TimelineReading:
        known = self._records.get(poll_id)
        keys = self._records.keys_of(poll_id)
        epoch, seq = self._positions.highest(poll_id)
        args = (b"" if known is None else known.stamp, epoch, seq)
        reply = await self._connection.call("read_timeline", (*keys[:2], keys[TIMELINE]), args)
        if reply[0] == ReplyCode.GONE.encode():
            self._records.forget(poll_id)
            raise PollNotFound(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        reading = PollReading(self._records.update(poll_id, snapshot, known), snapshot.tally)
        ends = None if reply[2] < 0 else reply[2]
        last_at = _at(reply[3][-1]) if reply[3] else None
        newest = newest_sample(reading.tally, ends, last_at)
        return TimelineReading(reading, self._written_by(reading.record).all(reply[3]), newest, ends)

    def _written_by(self, record: PollRecord) -> _EncodedPoints:
        """What was written out by this version of the poll, whose options name what is counted."""
        written = self._written.pop(record.poll.id, None)
        if written is None or written.record.stamp != record.stamp:
            written = _EncodedPoints(record)
        self._written[record.poll.id] = written
        if len(self._written) > MOST_KEPT:
            del self._written[next(iter(self._written))]
        return written


class _EncodedPoints:
    """Points of one poll as JSON, by what the store has."""

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self._by_packed: dict[bytes, bytes] = {}

    def all(self, packed: Sequence[bytes]) -> tuple[bytes, ...]:
        """Those of one read; what the store has thinned out since is forgotten."""
        known = self._by_packed
        self._by_packed = {
            point: known.get(point) or _written(self.record, unpacked(point)) for point in packed
        }
        return tuple(self._by_packed.values())


def unpacked(point: bytes) -> TimelineSample:
    """A point of the store's."""
    at, voters = _HEAD.unpack_from(point)
    counts = {code.decode(): votes for code, votes in _COUNT.iter_unpack(point[_HEAD.size :])}
    return TimelineSample(int.from_bytes(at, "big"), voters, counts)


def _at(point: bytes) -> int:
    return int.from_bytes(point[:6], "big")


def _written(record: PollRecord, moment: TimelineSample) -> bytes:
    return msgspec.json.encode(timeline_of(record.poll, (moment,)).points[0])
