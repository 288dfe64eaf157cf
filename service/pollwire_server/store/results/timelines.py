"""Timelines: a poll's totals over time, read in one step with the current totals.

A timeline is the largest value of a poll, and many clients can request one chart at once. Requests that
arrive during a read share the next read. Stored points never change, so each point is encoded once, and they
are read from the store only if the list has changed.
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

MAX_CACHED_TIMELINES: Final = 32
"""Polls with cached encoded points: about 200 KB for a poll with 2,000 points."""

_POINT_HEAD: Final = struct.Struct(">6sI")
_POINT_COUNT: Final = struct.Struct(">cI")
_POINT_FORECAST: Final = struct.Struct(">cII")
"""Binary format of a stored point (``functions/includes/timeline.lua``)."""


class TimelineReading(NamedTuple):
    """Poll at one moment, with its totals until then."""

    reading: PollReading
    points: tuple[bytes, ...]
    """Stored points, each as JSON. The same tuple as long as they do not change."""
    newest: TimelineSample | None
    """Current totals; None if no vote was ever counted."""
    mark: bytes
    """Value that is different after each change of the stored points."""

    @property
    def body(self) -> bytes:
        """Return all points as a JSON document."""
        return self.thinned_body(len(self.points) + 1)

    @property
    def version(self) -> bytes:
        """Return bytes that change with the content, but not with the time of the read, for an ETag."""
        tally = self.reading.tally
        return b"%b %b %d %b" % (self.reading.record.stamp, tally.epoch.encode(), tally.seq, self.mark)

    def thinned_body(self, max_points: int) -> bytes:
        """Return at most ``max_points`` (2 at least) as a JSON document, with the first and the last one."""
        points, newest = self.points, self.newest
        if newest is not None:
            points = (*points, _encode_point(self.reading.record, newest))
        if (last := len(points) - 1) >= max_points:
            gaps = max_points - 1
            points = tuple(points[(place * last + gaps // 2) // gaps] for place in range(max_points))
        return b'{"points":[' + b",".join(points) + b"]}"


class Timelines:
    """Reads timelines and caches their encoded points."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, cache: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._cache = cache
        self._encoded: dict[str, _EncodedPoints] = {}
        self._reads = SingleFlight(self._read)

    async def read(self, poll_id: str) -> TimelineReading:
        """Return the timeline from a read that starts after this call.

        ``PollNotFound``, ``StoreUnavailable``.
        """
        return await self._reads.run(poll_id)

    async def _read(self, poll_id: str) -> TimelineReading:
        cached, encoded = self._cache.get(poll_id), self._encoded.get(poll_id)
        keys = self._cache.keys_of(poll_id)
        epoch, seq = self._positions.highest(poll_id)
        stamp = b"" if cached is None else cached.stamp
        mark = b"" if encoded is None or encoded.record.stamp != stamp else encoded.mark
        args = (stamp, epoch, seq, mark)
        reply = await self._connection.call("read_timeline", (*keys[:2], keys[TIMELINE]), args)
        if reply[0] == ReplyCode.GONE.encode():
            self._cache.discard(poll_id)
            raise PollNotFound(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        reading = PollReading(self._cache.update(poll_id, snapshot, cached), snapshot.tally)
        ends = None if reply[2] < 0 else reply[2]
        encoded = self._encoded_points_of(reading.record)
        if len(reply) > 4 and reply[4] is not None:
            encoded.replace(reply[3], reply[4])
        newest = newest_sample(reading.tally, ends, encoded.last_at)
        return TimelineReading(reading, encoded.points, newest, encoded.mark)

    def _encoded_points_of(self, record: PollRecord) -> _EncodedPoints:
        """Return the encoded points of this version of the poll.

        An edit can rename options, so it voids them.
        """
        encoded = self._encoded.pop(record.poll.id, None)
        if encoded is None or encoded.record.stamp != record.stamp:
            encoded = _EncodedPoints(record)
        self._encoded[record.poll.id] = encoded
        if len(self._encoded) > MAX_CACHED_TIMELINES:
            del self._encoded[next(iter(self._encoded))]
        return encoded


class _EncodedPoints:
    """Encoded points of one poll, by their stored bytes."""

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self.mark = b""
        self.points: tuple[bytes, ...] = ()
        self.last_at: int | None = None
        """Time of the last point in milliseconds since the epoch."""
        self._by_packed: dict[bytes, bytes] = {}

    def replace(self, mark: bytes, packed: Sequence[bytes]) -> None:
        """Encode the points of one read, and drop points that the store has thinned out since."""
        cached = self._by_packed
        self._by_packed = {
            point: cached.get(point)
            or _encode_point(self.record, decode_point(point, is_forecast=self.record.poll.forecast))
            for point in packed
        }
        self.mark, self.points = mark, tuple(self._by_packed.values())
        self.last_at = _at(packed[-1]) if packed else None


def decode_point(point: bytes, *, is_forecast: bool = False) -> TimelineSample:
    """Decode a stored point."""
    at, voters = _POINT_HEAD.unpack_from(point)
    instant, body = int.from_bytes(at, "big"), point[_POINT_HEAD.size :]
    if not is_forecast:
        counts = {code.decode(): votes for code, votes in _POINT_COUNT.iter_unpack(body)}
        return TimelineSample(instant, voters, counts)
    entries = [(code.decode(), votes, mean) for code, votes, mean in _POINT_FORECAST.iter_unpack(body)]
    counts = {code: votes for code, votes, _ in entries}
    return TimelineSample(instant, voters, counts, {code: mean for code, _, mean in entries})


def _at(point: bytes) -> int:
    return int.from_bytes(point[:6], "big")


def _encode_point(record: PollRecord, moment: TimelineSample) -> bytes:
    return msgspec.json.encode(timeline_of(record.poll, (moment,)).points[0])
