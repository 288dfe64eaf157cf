"""Recount of a poll from its ballots: exact for one moment, while voting goes on.

How. A recount starts with one step of the store, which reads the totals and marks the poll. From then on,
every step that replaces a ballot first saves the ballot's old value, once for each voter (the first saved
value is kept). The recount then reads the ballots page by page, bucket by bucket. For each voter a page
returns the saved value if there is one. Otherwise it returns the current value, which has not changed since
the start. So every page shows the moment at which the recount started, and the sum must equal the totals of
that moment.

Cost. A page has about 1,000 ballots and takes one to two milliseconds of the store's time. Votes run between
two pages. A vote without a recount in progress pays for one more field in a read that it makes anyway. A
vote during a recount pays for two small commands, and only if its bucket has not been read yet. The number
of votes cast meanwhile therefore bounds the saved values. A recount expires if its next page is not
requested within five seconds, so nothing is saved for a process that has died.

Alternatives. Counting a bucket in one step needs no copies if later steps carry the changes of counted
buckets. But such a step grows with the poll: 40 ms for a bucket of 60,000 ballots, in which no vote is
counted. Pages in a sorted order, so that a vote can compare itself with the recount's position, need an
index for each bucket. Every vote would pay for the index.
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
"""Number of voters for each code."""

_TRIES: Final = 3
_TOKEN_BYTES: Final = 8
_END: Final = b"0"


class _RecountExpired(Exception):
    """The recount expired before it was complete."""


class Recounts:
    """Recounts polls from their ballots."""

    def __init__(self, connection: StoreConnection, cache: PollCache) -> None:
        self._connection = connection
        self._cache = cache

    async def recount(self, poll_id: str) -> tuple[PollReading, Codes]:
        """Return the totals of one moment, and the number of ballots per code at the same moment.

        Raises ``PollNotFound``, ``PhaseConflict`` for an archived poll, ``StoreUnavailable``, and
        ``Overloaded`` while another recount of the poll runs, or if this one expired three times.
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
        return PollReading(self._cache.update(poll_id, snapshot, None), snapshot.tally)

    async def _codes(self, reading: PollReading, token: bytes) -> Codes:
        codes = Codes()
        for place in range(FIRST_BUCKET, FIRST_BUCKET + BUCKETS):
            seen: set[bytes] = set()
            cursor = _END
            while True:
                cursor, flat = await self._page(reading, token, place, cursor)
                # HSCAN can return a field twice, always with the same value.
                page = dict(zip(flat[::2], flat[1::2], strict=True))
                codes.update(
                    value[9:].decode("latin-1") for voter, value in page.items() if voter not in seen
                )
                seen.update(page)
                if cursor == _END:
                    break
        del codes[""]
        return codes

    async def _page(
        self, reading: PollReading, token: bytes, place: int, cursor: bytes
    ) -> tuple[bytes, list[bytes]]:
        poll_keys = reading.record.keys
        keys = (*poll_keys[:2], poll_keys[place], poll_keys[RECOUNT_SAVED])
        answer, *rest = await self._connection.call("recount_page", keys, (token, place + 1, cursor))
        if answer == ReplyCode.STALE.encode():
            raise _RecountExpired
        return rest[0], rest[1]

    async def _call(self, poll_id: str, token: bytes, action: str) -> list[Any]:
        keys = self._cache.keys_of(poll_id)
        reply: list[Any] = await self._connection.call(
            "recount_control", (*keys[:2], keys[RECOUNT_SAVED]), (token, action)
        )
        return reply
