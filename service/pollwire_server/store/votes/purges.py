"""Removal of fraudulent votes, page by page: by time range, by network, or both.

Each page is one step of the store. It changes ballots, counts, ``voters`` and ``seq`` together, so the
totals are exact at every read. An interrupted purge has removed a part of the votes and left nothing
inconsistent. The same purge, sent again, removes the rest.

The audit log gets one entry at the start and one at the end, with the number of removed votes. The step of
the last page also creates the webhook event about corrected totals.
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
"""Number of the step that only writes the start of the purge to the audit log."""
_FIRST_BUCKET_NUMBER: Final = FIRST_BUCKET + 1
"""Lua counts keys from 1."""
_LAST_BUCKET_NUMBER: Final = FIRST_BUCKET + BUCKETS
_END: Final = b"0"
_LATEST: Final = 2**48 - 1
"""The latest time that a ballot's 6 bytes can hold, in milliseconds."""


class PurgeSelector(NamedTuple):
    """Selection of the votes to remove: those that match the time range and the network tag. Default: all."""

    from_ms: int = 0
    """Counted at or after this time."""
    to_ms: int = _LATEST
    """Counted before this time."""
    tag: bytes = b""
    """Tag of the network, 4 bytes; empty for any network."""

    def audit_fields(self) -> dict[str, str]:
        """Return the selection as fields of the audit log."""
        fields = {"tag": self.tag.hex()} if self.tag else {}
        if self.to_ms < _LATEST:
            fields |= {"from": format_timestamp(self.from_ms), "to": format_timestamp(self.to_ms)}
        return fields


class _Purge(NamedTuple):
    """Arguments that all steps of one purge share."""

    record: PollRecord
    selector: PurgeSelector
    by: str
    note: bytes
    """Selection for the audit log, as JSON."""


class Purges:
    """Removes selected votes from polls."""

    def __init__(self, connection: StoreConnection, positions: PositionTracker, outbox: Outbox) -> None:
        self._connection = connection
        self._positions = positions
        self._outbox = outbox
        self._channel = changes_channel(connection.namespace)

    async def purge(self, record: PollRecord, selector: PurgeSelector, *, by: str) -> int:
        """Remove the selected votes. Return their number.

        Raises ``PollNotFound``, ``PhaseConflict`` for a resolved or archived poll, and ``StoreUnavailable``.
        After the last one the caller may repeat the purge.
        """
        purge = _Purge(record, selector, by, msgspec.json.encode({"after": selector.audit_fields()}))
        await self._step(purge, _NO_BUCKET, _END, 0)
        purged = 0
        for bucket in range(_FIRST_BUCKET_NUMBER, _LAST_BUCKET_NUMBER + 1):
            if bucket == _LAST_BUCKET_NUMBER:
                # Before the step that creates the event, so that the relay finds it even after a crash.
                await self._outbox.mark_due(record.poll.id)
            cursor, is_first = _END, True
            while is_first or cursor != _END:
                cursor, count = await self._step(purge, bucket, cursor, purged)
                purged, is_first = purged + count, False
        return purged

    async def _step(self, purge: _Purge, bucket: int, cursor: bytes, purged_before: int) -> tuple[bytes, int]:
        """Purge one page of a bucket. Return the next cursor and the number of removed votes."""
        poll = purge.record.poll
        keys = (*purge.record.keys, audit_key(self._connection.namespace, poll.id, poll.series))
        head = (self._channel, poll.id, purge.record.incarnation, *self._positions.highest(poll.id))
        args = (*head, *purge.selector, bucket, cursor, purge.by, purge.note, purged_before)
        answer, *rest = await self._connection.call("purge_votes_page", keys, args)
        if answer == ReplyCode.GONE.encode():
            raise PollNotFound(poll.id)
        if answer == ReplyCode.CONFLICT.encode():
            raise PhaseConflict("purge", rest[0].decode())
        _, epoch, seq, next_cursor, count = rest
        self._positions.observe(poll.id, epoch.decode(), seq)
        return next_cursor, count
