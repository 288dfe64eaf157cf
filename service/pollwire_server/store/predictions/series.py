"""What a series keeps beside its polls: the key of its voters, their scores, and what they want to be called.

A name is written beside the vote and not in its step: the counting step is
for votes, and a leaderboard that calls somebody by name a moment late does no
harm. A process that dies in that moment loses the name until its owner votes
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pollwire_server.domain.errors import NotFound, PollwireError
from pollwire_server.domain.scoring import Score
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, series_keys
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.votes.ballot_scan import StoredBallot, decode_ballot

log = logging.getLogger("pollwire.store")

MOST_NAMES_WAITING: Final = 2_000
"""Names on their way; one more is left for the voter's next vote."""
MOST_NAMES_KNOWN: Final = 50_000
"""Names remembered as written, so that a voter's next votes need not write them again."""

CachedName = tuple[str, bytes, str]


class LeaderboardRow(NamedTuple):
    """One voter in a leaderboard."""

    voter: bytes
    rank: int
    """From 1; equals share one."""
    score: Score
    name: str | None
    """As its owner gave it: a text, never markup."""


class SeriesStore:
    """Every series of the namespace."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._known: dict[CachedName, None] = {}
        self._naming: set[asyncio.Task[None]] = set()

    async def rows(self, series: str, *, after: int, limit: int) -> tuple[list[LeaderboardRow], int]:
        """At most ``limit`` rows after the first ``after``, and how many there are. ``NotFound``."""
        return await self._leaderboard(series, after, limit)

    async def row_of(self, series: str, voter: bytes) -> LeaderboardRow | None:
        """The voter's row; None without a score. ``NotFound`` where there is no such series."""
        rows, _ = await self._leaderboard(series, voter)
        return rows[0] if rows else None

    async def voter_key(self, series: str) -> bytes:
        """The key by which the series knows its voters; empty once every poll is archived. ``NotFound``."""
        keys = series_keys(self._connection.namespace, series)
        key = await self._connection.command("HGET", keys.series, "voter_key")
        if key is None and not await self._connection.command("EXISTS", keys.members):
            raise _unknown(series)
        return key or b""

    async def polls(self, series: str, *, after: int, limit: int) -> list[str]:
        """The ids of at most ``limit`` polls after the first ``after``, the newest first."""
        members = series_keys(self._connection.namespace, series).members
        words = ("ZREVRANGE", members, after, after + limit - 1)
        return [poll_id.decode() for poll_id in await self._connection.command(*words)]

    async def picks(self, records: Sequence[PollRecord], voter: bytes) -> list[StoredBallot | None]:
        """The voter's standing choice in each poll of one series, None where there is none; one round trip.

        Raises ``StoreUnavailable``.
        """
        calls = [
            FunctionCall(
                "read_vote", (*record.keys[:2], _bucket(record, voter)), (record.incarnation, voter, "")
            )
            for record in records
        ]
        return [_pick(voter, reply) for reply in await self._connection.call_many(calls)]

    def set_display_name(self, record: PollRecord, voter: bytes, name: str) -> None:
        """A voter of the series, who has voted in the poll, wants to be called so. Never raises nor waits."""
        series = record.poll.series
        if series is None or (series, voter, name) in self._known or len(self._naming) >= MOST_NAMES_WAITING:
            return
        task = asyncio.get_running_loop().create_task(self._write(record, series, voter, name), name="naming")
        self._naming.add(task)
        task.add_done_callback(self._naming.discard)

    async def close(self) -> None:
        """Leave the names that are still on their way."""
        await cancel_and_wait(*self._naming)

    async def _write(self, record: PollRecord, series: str, voter: bytes, name: str) -> None:
        names = series_keys(self._connection.namespace, series).names
        keys = (*record.keys[:2], _bucket(record, voter), names)
        try:
            await self._connection.call("set_display_name", keys, (record.incarnation, voter, name))
        except PollwireError as error:
            log.info("a name was left for the voter's next vote: %s", error.detail)
            return
        if len(self._known) >= MOST_NAMES_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[series, voter, name] = None

    async def _leaderboard(self, series: str, *args: bytes | int) -> tuple[list[LeaderboardRow], int]:
        keys = series_keys(self._connection.namespace, series)
        answer, *rest = await self._connection.call("read_leaderboard", keys, args)
        if answer == ReplyCode.GONE.encode():
            raise _unknown(series)
        flat, total = rest
        cells = zip(*(flat[cell::4] for cell in range(4)), strict=True)
        return [_row(voter, rank, score, name) for voter, rank, score, name in cells], total


def _bucket(record: PollRecord, voter: bytes) -> bytes:
    return record.keys[FIRST_BUCKET + voter[0] % BUCKETS]


def _pick(voter: bytes, reply: Any) -> StoredBallot | None:
    """From what ``functions/read_vote.lua`` says."""
    if isinstance(reply, PollwireError):
        raise reply
    value: bytes | None = reply[2] if reply[0] == ReplyCode.DONE.encode() else None
    held = None if value is None else decode_ballot(voter, value)
    return held if held is not None and held.code else None


def _row(voter: bytes, rank: int, score: bytes, name: bytes) -> LeaderboardRow:
    """From what ``functions/read_leaderboard.lua`` says; ``SCORE`` of ``includes/scoring.lua``."""
    right, forecasts = int.from_bytes(score[:4], "big"), int.from_bytes(score[4:8], "big")
    return LeaderboardRow(voter, rank, Score(right, forecasts), name.decode() or None)


def _unknown(series: str) -> NotFound:
    return NotFound(f"There is no series {series[:64]!r}; the first poll that names it makes it.")
