"""Votes that an operator takes out: those counted within a span of time, a page of ballots at a time.

Each page is one step of the store that changes ballots, counts, ``voters`` and ``seq`` together, so totals
are exact whenever they are read, and a purge that breaks off has done a part of its work and nothing wrong:
the same purge again does the rest. The log tells when it began, and when it was done and of how many.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from service.domain.errors import PhaseConflict, PollNotFound
from service.domain.window import format_instant
from service.store.connection import Connection
from service.store.keys import BUCKETS, FIRST_BUCKET, audit_key, notice_channel
from service.store.library import Answer
from service.store.positions import Positions
from service.store.records import PollRecord

_NO_BUCKET: Final = 0
_END: Final = b"0"


class Purges:
    """Takes votes out of polls."""

    def __init__(self, connection: Connection, positions: Positions) -> None:
        self._connection = connection
        self._positions = positions
        self._channel = notice_channel(connection.namespace)

    async def purge(self, record: PollRecord, from_ms: int, to_ms: int, *, by: str) -> int:
        """How many votes counted at ``from_ms <= t < to_ms`` were taken out.

        Raises ``PollNotFound``, ``PhaseConflict`` for a poll that was resolved or archived, and
        ``StoreUnavailable``, after which it may be repeated.
        """
        span = {"from": format_instant(from_ms), "to": format_instant(to_ms)}
        step = _Step(self, record, (from_ms, to_ms), by)
        await step.take(_NO_BUCKET, _END, {"after": span})
        purged = 0
        for place in range(FIRST_BUCKET + 1, FIRST_BUCKET + 1 + BUCKETS):  # as the functions count, from one
            cursor, is_first = _END, True
            while is_first or cursor != _END:
                cursor, count = await step.take(place, cursor, {})
                purged, is_first = purged + count, False
        await step.take(_NO_BUCKET, _END, {"after": {**span, "purged": purged}})
        return purged


class _Step:
    """One purge's way of asking for its steps."""

    def __init__(self, purges: Purges, record: PollRecord, span: tuple[int, int], by: str) -> None:
        self._purges = purges
        self._record = record
        self._span = span
        self._by = by
        log = audit_key(purges._connection.namespace, record.poll.id, record.poll.series)
        self._keys = (*record.keys, log)

    async def take(self, place: int, cursor: bytes, note: dict[str, Any]) -> tuple[bytes, int]:
        """Where to go on, and how many were taken out."""
        poll_id, positions = self._record.poll.id, self._purges._positions
        seen = positions.highest(poll_id)
        told = msgspec.json.encode(note) if note else b""
        head = (self._purges._channel, poll_id, self._record.birth, *seen)
        args = (*head, *self._span, place, cursor, self._by, told)
        answer, *rest = await self._purges._connection.call("purge", self._keys, args)
        if answer == Answer.GONE.encode():
            raise PollNotFound(poll_id)
        if answer == Answer.CONFLICT.encode():
            raise PhaseConflict("purge", rest[0].decode())
        _, epoch, seq, following, count = rest
        positions.saw(poll_id, epoch.decode(), seq)
        return following, count
