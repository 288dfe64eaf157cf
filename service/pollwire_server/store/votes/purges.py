"""Votes that an operator takes out, a page of ballots at a time: of a span of time, of one network, or both.

Each page is one step of the store that changes ballots, counts, ``voters`` and ``seq`` together, so totals
are exact whenever they are read, and a purge that breaks off has done a part of its work and nothing wrong:
the same purge again does the rest. The log tells when it began, and when it was done and of how many; sites
are told that totals were corrected by the step of the last page.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from pollwire_server.domain.errors import PhaseConflict, PollNotFound
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, audit_key, changes_channel
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.webhooks.outbox import Outbox

_NO_BUCKET: Final = 0
_END: Final = b"0"
_LATEST: Final = 2**48 - 1
"""The last instant that a ballot's 6 bytes can hold."""


class PurgeSelector(NamedTuple):
    """Which votes: all that fit both. By default every one."""

    from_ms: int = 0
    to_ms: int = _LATEST
    """Counted before this."""
    tag: bytes = b""
    """Of the network that they came from; empty for any."""

    def audit_fields(self) -> dict[str, str]:
        """As the log says it."""
        told = {"tag": self.tag.hex()} if self.tag else {}
        if self.to_ms < _LATEST:
            told |= {"from": format_timestamp(self.from_ms), "to": format_timestamp(self.to_ms)}
        return told


class Purges:
    """Takes votes out of polls."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, outbox: Outbox) -> None:
        self._connection = connection
        self._positions = positions
        self._outbox = outbox
        self._channel = changes_channel(connection.namespace)

    async def purge(self, record: PollRecord, meant: PurgeSelector, *, by: str) -> int:
        """How many votes were taken out.

        Raises ``PollNotFound``, ``PhaseConflict`` for a poll that was resolved or archived, and
        ``StoreUnavailable``, after which it may be repeated.
        """
        step = _PurgeRun(self, record, meant, by)
        await step.take(_NO_BUCKET, _END, 0)
        purged = 0
        for place in range(FIRST_BUCKET + 1, FIRST_BUCKET + 1 + BUCKETS):  # as the functions count, from one
            cursor, is_first = _END, True
            if place == FIRST_BUCKET + BUCKETS:
                await self._outbox.mark_due(
                    record.poll.id
                )  # before the step that tells, so that nothing is left lying
            while is_first or cursor != _END:
                cursor, count = await step.take(place, cursor, purged)
                purged, is_first = purged + count, False
        return purged


class _PurgeRun:
    """One purge's way of asking for its steps."""

    def __init__(self, purges: Purges, record: PollRecord, meant: PurgeSelector, by: str) -> None:
        self._purges = purges
        self._record = record
        self._meant = meant
        self._told = (by, msgspec.json.encode({"after": meant.audit_fields()}))
        log = audit_key(purges._connection.namespace, record.poll.id, record.poll.series)
        self._keys = (*record.keys, log)

    async def take(self, place: int, cursor: bytes, before: int) -> tuple[bytes, int]:
        """Where to go on, and how many were taken out; ``before`` by the steps until now."""
        poll_id, positions = self._record.poll.id, self._purges._positions
        head = (self._purges._channel, poll_id, self._record.incarnation, *positions.highest(poll_id))
        args = (*head, *self._meant, place, cursor, *self._told, before)
        answer, *rest = await self._purges._connection.call("purge_votes_page", self._keys, args)
        if answer == ReplyCode.GONE.encode():
            raise PollNotFound(poll_id)
        if answer == ReplyCode.CONFLICT.encode():
            raise PhaseConflict("purge", rest[0].decode())
        _, epoch, seq, following, count = rest
        positions.observe(poll_id, epoch.decode(), seq)
        return following, count
