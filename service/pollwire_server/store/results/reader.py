"""Reader of totals: many polls in one round trip, each from one consistent moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.window import Phase
from pollwire_server.store.keys import location_key
from pollwire_server.store.polls.cache import PollCache, PollRecord, snapshot_from
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

_POLLS_PER_CALL: Final = 200
"""Polls in one call of ``read_positions``: about 200 us of the store's time, so that votes do not wait."""


_MAX_LOOKUPS: Final = 4
"""Locations tried for one poll: its cached series, its id, the series found there, and one more."""


class _MovedToSeries(PollNotFound):
    """The poll is not at the cached location. A caller that receives this error treats it as not found."""


class PollReading(msgspec.Struct, frozen=True, eq=False):
    """Poll and totals at one moment of the store."""

    record: PollRecord
    tally: Tally


class PollState(NamedTuple):
    """Version, position and phase of a poll, to detect missed change notifications."""

    version: int
    epoch: str
    seq: int
    phase: Phase


class ResultReader:
    """Reads totals. The reply contains the poll itself only if the cache has another version."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, cache: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._cache = cache

    async def read_many(self, poll_ids: Iterable[str]) -> dict[str, PollReading | PollwireError]:
        """Read the polls in one round trip. Return a reading, or an error in its place, for each poll.

        The errors are ``PollNotFound`` and ``StoreUnavailable``. Polls of a series with an unknown or changed
        location take further round trips, at most four in all.
        """
        found: dict[str, PollReading | PollwireError] = {}
        pending = list(poll_ids)
        for _ in range(_MAX_LOOKUPS):
            found |= await self._read_at_cached_locations(pending)
            pending = [poll_id for poll_id in pending if isinstance(found[poll_id], _MovedToSeries)]
            if not pending:
                break
        return found

    async def _read_at_cached_locations(
        self, poll_ids: Iterable[str]
    ) -> dict[str, PollReading | PollwireError]:
        """Read each poll at its cached location; ``_MovedToSeries`` if it is not there."""
        requested = {poll_id: self._cache.get(poll_id) for poll_id in poll_ids}
        replies = await self._connection.call_many([self._call(*item) for item in requested.items()])
        return {
            poll_id: self._reading(poll_id, cached, reply)
            for (poll_id, cached), reply in zip(requested.items(), replies, strict=True)
        }

    async def read(self, poll_id: str) -> PollReading:
        """Read one poll. Raises ``PollNotFound`` and ``StoreUnavailable``."""
        reading = (await self.read_many((poll_id,)))[poll_id]
        if isinstance(reading, PollwireError):
            raise reading
        return reading

    async def positions(self, poll_ids: Iterable[str]) -> dict[str, PollState | None]:
        """Return the state of each poll, None for a missing one. Cheap. Raises ``StoreUnavailable``."""
        pending = list(poll_ids)
        # In a cluster the keys of one call must be in one slot, and each poll has its own slot.
        size = 1 if self._connection.is_cluster else _POLLS_PER_CALL
        parts = [pending[start : start + size] for start in range(0, len(pending), size)]
        calls = [FunctionCall("read_positions", self._poll_and_tally_keys(part), ()) for part in parts]
        found: dict[str, PollState | None] = {}
        for part, reply in zip(parts, await self._connection.call_many(calls), strict=True):
            if isinstance(reply, PollwireError):
                raise reply
            found |= zip(part, map(_poll_state, reply), strict=True)
        return found

    def _poll_and_tally_keys(self, poll_ids: Sequence[str]) -> list[bytes]:
        return [key for poll_id in poll_ids for key in self._cache.keys_of(poll_id)[:2]]

    def _call(self, poll_id: str, cached: PollRecord | None) -> FunctionCall:
        epoch, seq = self._positions.highest(poll_id)
        keys = self._cache.keys_of(poll_id)[:2]
        if self._cache.series_of(poll_id) is None:
            keys = (*keys, location_key(self._connection.namespace, poll_id))
        return FunctionCall("read_poll", keys, (b"" if cached is None else cached.stamp, epoch, seq))

    def _reading(self, poll_id: str, cached: PollRecord | None, reply: Any) -> PollReading | PollwireError:
        if isinstance(reply, PollwireError):
            return reply
        if reply[0] == ReplyCode.MOVED.encode():
            self._cache.set_location(poll_id, reply[1].decode())
            return _MovedToSeries(poll_id)
        if reply[0] == ReplyCode.GONE.encode():
            was_read_at_its_id = self._cache.series_of(poll_id) is None
            self._cache.set_location(poll_id, None)
            self._cache.discard(poll_id)
            return PollNotFound(poll_id) if was_read_at_its_id else _MovedToSeries(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        return PollReading(self._cache.update(poll_id, snapshot, cached), snapshot.tally)


def _poll_state(reply: Sequence[Any] | None) -> PollState | None:
    if reply is None:
        return None
    version, epoch, seq, phase = reply
    return PollState(version, epoch.decode(), seq, Phase(phase.decode()))
