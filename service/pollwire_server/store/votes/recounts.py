"""A poll's totals counted anew from its ballots: exact for one instant, while votes keep coming in.

How. A recount begins in one step of the store, which reads the totals and
marks the poll. From then on, whoever replaces a ballot first sets aside the
value that it had (once a voter: the first value stands). The ballots are then
read a page at a time, bucket by bucket, and a page tells for each voter what
was set aside, if anything was, and else what is there, which has not changed
since. So every page tells of the one instant at which the recount began, and
what it comes to must equal the totals of that instant.

Cost. A page is some 1,000 ballots, a millisecond or two of the store's time;
between two pages votes go on. A vote that meets no recount pays for one field
more in a read that it makes anyway. One that meets a recount pays two small
commands, and only where its bucket is still to be read, so that what is set
aside is bounded by the votes that are cast meanwhile. A recount that is not
asked for its next page within five seconds is over: nothing is set aside for
a process that died.

Alternatives. Counting a bucket in one step and letting the counting step
carry the changes of buckets that were passed needs no copies, but a step then
grows with the poll: 40 ms for each 60,000 ballots of a bucket, in which
nobody votes. Pages in an order that the counting step could compare with
would need an index beside each bucket, paid for by every vote.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import Any, Final

from pollwire_server.domain.errors import Overloaded, PhaseConflict, PollNotFound
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, RECOUNT_SAVED
from pollwire_server.store.polls.cache import PollCache, snapshot_from
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

Codes = Counter[str]
"""How many voters had each code standing."""

_TRIES: Final = 3
_TOKEN_BYTES: Final = 8
_END: Final = b"0"


class _RecountExpired(Exception):
    """The recount is over before it is done."""


class Recounts:
    """Counts polls anew."""

    def __init__(self, connection: StoreConnection, records: PollCache) -> None:
        self._connection = connection
        self._records = records

    async def recount(self, poll_id: str) -> tuple[PollReading, Codes]:
        """The totals that stood at one instant, and the codes of the ballots that stood then.

        Raises ``PollNotFound``, ``PhaseConflict`` for an archived poll, ``Overloaded`` while another recount
        of the poll is under way (or where this one was lost again and again), and ``StoreUnavailable``.
        """
        for _ in range(_TRIES):
            token = secrets.token_bytes(_TOKEN_BYTES)
            try:
                reading = await self._begin(poll_id, token)
                return reading, await self._codes(reading, token)
            except _RecountExpired:
                continue
            finally:
                await asyncio.shield(self._call(poll_id, token, "end"))
        raise Overloaded()

    async def _begin(self, poll_id: str, token: bytes) -> PollReading:
        answer, *rest = await self._call(poll_id, token, "begin")
        if answer == ReplyCode.GONE.encode():
            raise PollNotFound(poll_id)
        if answer == ReplyCode.CONFLICT.encode():
            raise PhaseConflict("recount", rest[0].decode())
        if answer == ReplyCode.NO_CHANGE.encode():
            raise Overloaded()
        snapshot = snapshot_from(rest[0])
        return PollReading(self._records.update(poll_id, snapshot, None), snapshot.tally)

    async def _codes(self, reading: PollReading, token: bytes) -> Codes:
        codes = Codes()
        for place in range(FIRST_BUCKET, FIRST_BUCKET + BUCKETS):
            met: set[bytes] = set()
            cursor = _END
            while True:
                cursor, flat = await self._page(reading, token, place, cursor)
                # A field that comes again comes with the same value.
                page = dict(zip(flat[::2], flat[1::2], strict=True))
                codes.update(value[9:].decode() for voter, value in page.items() if voter not in met)
                met.update(page)
                if cursor == _END:
                    break
        del codes[""]
        return codes

    async def _page(
        self, reading: PollReading, token: bytes, place: int, cursor: bytes
    ) -> tuple[bytes, list[bytes]]:
        held = reading.record.keys
        keys = (*held[:2], held[place], held[RECOUNT_SAVED])
        answer, *rest = await self._connection.call("recount_page", keys, (token, place + 1, cursor))
        if answer == ReplyCode.STALE.encode():
            raise _RecountExpired
        return rest[0], rest[1]

    async def _call(self, poll_id: str, token: bytes, wish: str) -> list[Any]:
        held = self._records.keys_of(poll_id)
        reply: list[Any] = await self._connection.call(
            "recount_control", (*held[:2], held[RECOUNT_SAVED]), (token, wish)
        )
        return reply
