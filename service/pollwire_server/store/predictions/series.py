"""Data of a series beside its polls: the key of its voters, their scores and their display names.

A display name is written after the vote, not in the same step. The counting step is for votes only, and a
short delay of a name in a leaderboard does no harm. If the process dies in between, the name is missing
until the voter's next vote.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from pollwire_server.domain.errors import NotFound, Overloaded, PollwireError
from pollwire_server.domain.forecast import MICRO
from pollwire_server.domain.scoring import DEFAULT_MINIMUMS, RankBy, Score
from pollwire_server.domain.series_document import PollNumbers, SeriesSummary
from pollwire_server.domain.vote_history import decode_history
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, poll_key, series_keys
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode
from pollwire_server.store.votes.ballot_scan import StoredBallot, decode_ballot
from pollwire_server.store.votes.ballots import vote_keys

log = logging.getLogger("pollwire.store")

MAX_PENDING_NAMES: Final = 2_000
"""Names being written. A further name is dropped and written with the voter's next vote."""
MAX_CACHED_NAMES: Final = 50_000
"""Names known to be stored, so that the next votes of a voter skip the write."""

_TRIES: Final = 5
"""Attempts to read a leaderboard while polls of its series are created or deleted."""

_OLD_ROW: Final = struct.Struct(">II")
_ROW: Final = struct.Struct(">IIqqqqq")
_PENDING: Final = struct.Struct(">Ibbiiiii")

CachedName = tuple[str, bytes, str]
"""Series, voter id, name."""


class LeaderboardRow(NamedTuple):
    """Row of a leaderboard: one voter."""

    voter: bytes
    rank: int | None
    """From 1. Equal scores share a rank. None below the series' minimum of forecasts."""
    score: Score
    name: str | None
    """Display name as plain text, never markup."""


class Leaderboard(NamedTuple):
    """Rows of one version of a leaderboard."""

    rows: list[LeaderboardRow]
    total: int
    series: SeriesSummary


class SeriesStore:
    """Scores, display names and polls of all series in the namespace."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._stored_names: dict[CachedName, None] = {}
        self._name_tasks: set[asyncio.Task[None]] = set()

    async def rows(self, series: str, *, after: int, limit: int) -> tuple[list[LeaderboardRow], int]:
        """Return at most ``limit`` rows after the first ``after``, and the total number.

        Raises ``NotFound``.
        """
        return (await self.leaderboard(series, after=after, limit=limit))[:2]

    async def leaderboard(self, series: str, *, after: int, limit: int) -> Leaderboard:
        """Return at most ``limit`` rows after the first ``after``.

        Rows, settings and the numbers of polls are of one instant. Raises ``NotFound``, and ``Overloaded`` if
        polls of the series are created or deleted too fast.
        """
        for _ in range(_TRIES):
            polls = [poll.decode() for poll in await self._poll_ids(series, 0, -1)]
            keys = (poll_key(self._connection.namespace, poll, series) for poll in polls)
            found = await self._leaderboard(series, after, limit, polls[0] if polls else "", polls=keys)
            if found is not None:
                return found
        raise Overloaded()

    async def row_of(self, series: str, voter: bytes) -> LeaderboardRow | None:
        """Return the voter's row; None without a score. Raises ``NotFound`` for an unknown series."""
        found = await self._leaderboard(series, voter)
        return found.rows[0] if found is not None and found.rows else None

    async def voter_key(self, series: str) -> bytes:
        """Return the key of the series' voter ids; empty once all polls are archived. Raises ``NotFound``."""
        keys = series_keys(self._connection.namespace, series)
        key = await self._connection.command("HGET", keys.series, "voter_key")
        if key is None and not await self._connection.command("EXISTS", keys.series, keys.members):
            raise _unknown_series(series)
        return key or b""

    async def polls(self, series: str, *, after: int, limit: int) -> list[str]:
        """Return the ids of at most ``limit`` polls after the first ``after``, newest first."""
        return [poll_id.decode() for poll_id in await self._poll_ids(series, after, after + limit - 1)]

    async def picks(self, records: Sequence[PollRecord], voter: bytes) -> list[StoredBallot | None]:
        """Return the voter's current ballot in each poll of one series, or None, in one round trip.

        Raises ``StoreUnavailable``.
        """
        calls = [
            FunctionCall("read_vote", vote_keys(record, voter), (record.incarnation, voter, ""))
            for record in records
        ]
        return [_pick(voter, reply) for reply in await self._connection.call_many(calls)]

    def set_display_name(self, record: PollRecord, voter: bytes, name: str) -> None:
        """Store the display name of a voter of the poll, in a background task. Never raises or blocks."""
        series = record.poll.series
        if (
            series is None
            or (series, voter, name) in self._stored_names
            or len(self._name_tasks) >= MAX_PENDING_NAMES
        ):
            return
        task = asyncio.get_running_loop().create_task(
            self._write(record, series, voter, name), name="store-display-name"
        )
        self._name_tasks.add(task)
        task.add_done_callback(self._name_tasks.discard)

    async def close(self) -> None:
        """Cancel the pending writes of names."""
        await cancel_and_wait(*self._name_tasks)

    async def _write(self, record: PollRecord, series: str, voter: bytes, name: str) -> None:
        names = series_keys(self._connection.namespace, series).names
        keys = (*record.keys[:2], _bucket(record, voter), names)
        try:
            await self._connection.call("set_display_name", keys, (record.incarnation, voter, name))
        except PollwireError as error:
            log.info("Display name not stored, retrying with the voter's next vote: %s", error.detail)
            return
        if len(self._stored_names) >= MAX_CACHED_NAMES:
            del self._stored_names[next(iter(self._stored_names))]
        self._stored_names[series, voter, name] = None

    async def _poll_ids(self, series: str, first: int, last: int) -> list[bytes]:
        members = series_keys(self._connection.namespace, series).members
        found: list[bytes] = await self._connection.command("ZREVRANGE", members, first, last)
        return found

    async def _leaderboard(
        self, series: str, *args: bytes | str | int, polls: Iterable[bytes] = ()
    ) -> Leaderboard | None:
        """Read the leaderboard. Return None if ``polls`` are not all polls of the series (any more)."""
        keys = series_keys(self._connection.namespace, series)
        answer, *rest = await self._connection.call("read_leaderboard", (*keys, *polls), args)
        if answer == ReplyCode.GONE.encode():
            raise _unknown_series(series)
        if answer == ReplyCode.STALE.encode():
            return None
        flat, total, fields, numbers = rest
        summary = _summary(dict(zip(fields[::2], fields[1::2], strict=True)), numbers)
        cells = zip(*(flat[cell::4] for cell in range(4)), strict=True)
        rows = [_row(voter, rank, score, name, summary.version) for voter, rank, score, name in cells]
        return Leaderboard(rows, total, summary)


def _bucket(record: PollRecord, voter: bytes) -> bytes:
    return record.keys[FIRST_BUCKET + voter[0] % BUCKETS]


def _pick(voter: bytes, reply: Any) -> StoredBallot | None:
    """Decode the reply of ``functions/read_vote.lua``. Raises the error if it is one."""
    if isinstance(reply, PollwireError):
        raise reply
    value: bytes | None = reply[2] if reply[0] == ReplyCode.DONE.encode() else None
    ballot = None if value is None else decode_ballot(voter, value)
    if ballot is not None and reply[3]:
        ballot = ballot._replace(history=decode_history(reply[3]))
    return ballot if ballot is not None and ballot.code else None


def _row(voter: bytes, rank: int, stored: bytes, name: bytes, version: int) -> LeaderboardRow:
    """Decode a row of ``functions/read_leaderboard.lua``."""
    return LeaderboardRow(voter, rank or None, decode_score(stored, version), name.decode() or None)


def decode_score(stored: bytes, version: int) -> Score:
    """Decode a row as of a version of its leaderboard (``functions/includes/score_rows.lua``)."""
    if len(stored) == _OLD_ROW.size:
        return Score(*_OLD_ROW.unpack(stored))
    sums, (pending_version, *pending) = _ROW.unpack_from(stored), _PENDING.unpack_from(stored, _ROW.size)
    if pending_version > version:
        return Score(*sums)
    return Score(*(base + change for base, change in zip(sums, pending, strict=True)))


def _summary(fields: dict[bytes, bytes], numbers: Sequence[int]) -> SeriesSummary:
    def number(name: bytes) -> int:
        return int(fields[name] or 0)

    forecasts = number(b"crowd_forecasts")
    brier, baseline, peer = number(b"crowd_brier"), number(b"crowd_baseline"), number(b"crowd_peer")
    rank_by = RankBy(fields[b"rank_by"].decode() or RankBy.ACCURACY)
    return SeriesSummary(
        title=fields[b"title"].decode() or None,
        rank_by=rank_by,
        minimum=int(fields[b"minimum"] or DEFAULT_MINIMUMS.get(rank_by, 1)),
        version=number(b"settled"),
        crowd=Score(number(b"crowd_right"), forecasts, brier, baseline, peer, forecasts * MICRO),
        polls=PollNumbers(*numbers),
    )


def _unknown_series(series: str) -> NotFound:
    return NotFound(f"There is no series {series[:64]!r}. Create a poll with this series first.")
