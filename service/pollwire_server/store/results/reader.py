"""Totals as they are read: many polls in one round trip, each from one consistent instant."""

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

_POLLS_A_CALL: Final = 200
"""Polls asked of one call of ``positions``: some 200 us of the store's time, so votes need not wait long."""


_MOST_PLACES: Final = 4
"""Where a poll is looked for: with a series it left, at its id, with the series that has it, once over."""


class _MovedToSeries(PollNotFound):
    """Not where it was looked for; to whoever gets to see it, simply not found."""


class PollReading(msgspec.Struct, frozen=True, eq=False):
    """A poll and its totals, of one instant of the store."""

    record: PollRecord
    tally: Tally


class PollState(NamedTuple):
    """Where a poll stands, for whoever may have missed a notice."""

    version: int
    epoch: str
    seq: int
    phase: Phase


class ResultReader:
    """Reads totals; the polls themselves come along only where another version is held here."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, records: PollCache) -> None:
        self._connection = connection
        self._positions = positions
        self._records = records

    async def read_many(self, poll_ids: Iterable[str]) -> dict[str, PollReading | PollwireError]:
        """Each poll's reading, or ``PollNotFound`` or ``StoreUnavailable`` in its place; one round trip.

        One more for polls of a series that this process has not met, and where they have moved since.
        """
        found: dict[str, PollReading | PollwireError] = {}
        wanted = list(poll_ids)
        for _ in range(_MOST_PLACES):
            found |= await self._read_where_known(wanted)
            wanted = [poll_id for poll_id in wanted if isinstance(found[poll_id], _MovedToSeries)]
            if not wanted:
                break
        return found

    async def _read_where_known(self, poll_ids: Iterable[str]) -> dict[str, PollReading | PollwireError]:
        """One round trip to where each poll is thought to lie; ``_Elsewhere`` where that was wrong."""
        asked = {poll_id: self._records.get(poll_id) for poll_id in poll_ids}
        replies = await self._connection.call_many([self._call(*item) for item in asked.items()])
        return {
            poll_id: self._reading(poll_id, known, reply)
            for (poll_id, known), reply in zip(asked.items(), replies, strict=True)
        }

    async def read(self, poll_id: str) -> PollReading:
        """One poll's reading. Raises ``PollNotFound`` and ``StoreUnavailable``."""
        reading = (await self.read_many((poll_id,)))[poll_id]
        if isinstance(reading, PollwireError):
            raise reading
        return reading

    async def positions(self, poll_ids: Iterable[str]) -> dict[str, PollState | None]:
        """Where each poll stands, None where there is no such poll; cheap. Raises ``StoreUnavailable``."""
        wanted = list(poll_ids)
        # Keys of one call lie in one slot (Redis Cluster), and each poll is a slot of its own.
        size = 1 if self._connection.is_cluster else _POLLS_A_CALL
        parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        calls = [FunctionCall("read_positions", self._poll_and_tally_keys(part), ()) for part in parts]
        found: dict[str, PollState | None] = {}
        for part, reply in zip(parts, await self._connection.call_many(calls), strict=True):
            if isinstance(reply, PollwireError):
                raise reply
            found |= zip(part, map(_standing, reply), strict=True)
        return found

    def _poll_and_tally_keys(self, poll_ids: Sequence[str]) -> list[bytes]:
        return [key for poll_id in poll_ids for key in self._records.keys_of(poll_id)[:2]]

    def _call(self, poll_id: str, known: PollRecord | None) -> FunctionCall:
        epoch, seq = self._positions.highest(poll_id)
        keys = self._records.keys_of(poll_id)[:2]
        if self._records.series_of(poll_id) is None:
            keys = (*keys, location_key(self._connection.namespace, poll_id))
        return FunctionCall("read_poll", keys, (b"" if known is None else known.stamp, epoch, seq))

    def _reading(self, poll_id: str, known: PollRecord | None, reply: Any) -> PollReading | PollwireError:
        if isinstance(reply, PollwireError):
            return reply
        if reply[0] == ReplyCode.MOVED.encode():
            self._records.set_location(poll_id, reply[1].decode())
            return _MovedToSeries(poll_id)
        if reply[0] == ReplyCode.GONE.encode():
            was_sought_at_its_id = self._records.series_of(poll_id) is None
            self._records.set_location(poll_id, None)
            self._records.forget(poll_id)
            return PollNotFound(poll_id) if was_sought_at_its_id else _MovedToSeries(poll_id)
        snapshot = snapshot_from(reply[1])
        self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
        return PollReading(self._records.update(poll_id, snapshot, known), snapshot.tally)


def _standing(reply: Sequence[Any] | None) -> PollState | None:
    if reply is None:
        return None
    version, epoch, seq, phase = reply
    return PollState(version, epoch.decode(), seq, Phase(phase.decode()))
