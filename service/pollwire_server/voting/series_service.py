"""Service for series: the leaderboard, and a voter's own results.

Only resolved polls count. Their totals are visible by then, so a leaderboard reveals nothing hidden. Names
are the text that voters entered, so pages must display them as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pollwire_server.auth.credentials import RequestCredentials
from pollwire_server.domain.ballot import Choice
from pollwire_server.domain.calibration import CalibrationBin, calibration_of, crowd_point, own_point
from pollwire_server.domain.errors import InvalidChoice, NotFound, PollwireError
from pollwire_server.domain.identifiers import IDENTIFIER
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.scoring import vote_verdict
from pollwire_server.domain.series_document import (
    LeaderboardRowDocument,
    SeriesDocument,
    row_document,
    series_document,
)
from pollwire_server.domain.timestamps import TimestampText, format_timestamp
from pollwire_server.domain.window import Phase
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store import Store
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.store.votes.ballot_scan import StoredBallot
from pollwire_server.voting.responses import json_response
from pollwire_server.voting.voter_resolver import VoterResolver

MAX_PAGE_SIZE: Final = 100
DEFAULT_PAGE_SIZE: Final = 50

MAX_CALIBRATED_POLLS: Final = 500
"""The newest polls of a series that a calibration includes."""
MAX_CACHED_CALIBRATIONS: Final = 200
"""Series with a cached calibration of the crowd."""

_LEADERBOARD_CURSOR: Final = re.compile(r"(?P<version>[0-9]{1,10})-(?P<after>[0-9]{1,9})", re.ASCII)

Query = Mapping[str, Sequence[str]]
"""Query parameters, with all values of each."""


class LeaderboardPage(msgspec.Struct, frozen=True):
    """One page of a leaderboard."""

    items: list[LeaderboardRowDocument]
    next: str | None
    about: SeriesDocument


class PickResponse(msgspec.Struct, frozen=True):
    """One choice of the voter's history. ``correct`` and ``scored`` are as in ``OwnVoteResponse``."""

    poll: str
    question: str
    phase: Phase
    choice: Choice
    at: TimestampText
    outcome: str | None
    correct: bool | None
    scored: bool


class OwnSeriesPage(msgspec.Struct, frozen=True):
    """The voter's row (null before the first score) and one page of history, newest poll first."""

    row: LeaderboardRowDocument | None
    items: list[PickResponse]
    next: str | None
    calibration: list[CalibrationBin]
    """The voter's calibration in the newest polls of the series, on the first page. Empty on later pages."""


class CalibrationResponse(msgspec.Struct, frozen=True):
    """The calibration of the mean forecasts."""

    series: str
    crowd: list[CalibrationBin]


class SeriesService:
    """Application service for series."""

    __slots__ = ("_calibrations", "_results", "_series", "_voter_resolver")

    def __init__(self, store: Store, voter_resolver: VoterResolver) -> None:
        self._series = store.series
        self._results = store.results
        self._calibrations: dict[str, tuple[tuple[int, int], list[CalibrationBin]]] = {}
        self._voter_resolver = voter_resolver

    async def check(self, series: str) -> bytes:
        """Return the voter key of a series. Raises ``NotFound`` and ``StoreUnavailable``."""
        if not IDENTIFIER.fullmatch(series):
            raise NotFound("Series not found. A series id has letters a to z, digits and hyphens.")
        return await self._series.voter_key(series)

    async def about(self, series: str) -> HttpResponse:
        """Return the settings, the numbers of polls and the crowd's scores.

        Raises ``NotFound`` and ``StoreUnavailable``.
        """
        async with request_deadline():
            await self.check(series)
            summary = (await self._series.leaderboard(series, after=0, limit=0)).series
        return json_response(series_document(series, summary))

    async def leaderboard(self, series: str, query: Query) -> HttpResponse:
        """Return one page of the leaderboard.

        Raises ``NotFound``, ``InvalidChoice`` and ``StoreUnavailable``.
        """
        async with request_deadline():
            await self.check(series)
            limit, (version, after) = _limit_of(query), _leaderboard_cursor(query)
            rows, total, summary = await self._series.leaderboard(series, after=after, limit=limit)
        if version not in (None, summary.version):
            raise InvalidChoice(
                "The leaderboard has changed since the first page. Start again without cursor.", "cursor"
            )
        items = [row_document(row.rank, row.name, row.score) for row in rows]
        following = _next(after, limit, total)
        cursor = None if following is None else f"{summary.version}-{following}"
        return json_response(LeaderboardPage(items, cursor, series_document(series, summary)))

    async def mine(self, series: str, credentials: RequestCredentials, query: Query) -> HttpResponse:
        """Return the voter's own results.

        Raises like ``leaderboard`` and ``VoterResolver.voter_of_series``.
        """
        async with request_deadline():
            voter_key = await self.check(series)
            voter = await self._voter_resolver.voter_of_series(credentials, voter_key)
            limit, after = _limit_of(query), _number(query, "cursor", 0)
            row = await self._series.row_of(series, voter)
            polls = await self._series.polls(series, after=after, limit=limit + 1)
            picks = await self._history(polls[:limit], voter)
            calibration = [] if after else await self._own_calibration(series, voter)
        return json_response(
            OwnSeriesPage(
                None if row is None else row_document(row.rank, row.name, row.score),
                picks,
                _next(after, limit, after + len(polls)),
                calibration,
            )
        )

    async def calibration(self, series: str) -> HttpResponse:
        """Return the calibration of the mean forecasts. Raises ``NotFound`` and ``StoreUnavailable``."""
        async with request_deadline():
            await self.check(series)
            found = await self._crowd_calibration(series)
        return json_response(CalibrationResponse(series, found))

    async def _crowd_calibration(self, series: str) -> list[CalibrationBin]:
        """Return the bins from the cache, or read the polls if the series has a new version."""
        summary = (await self._series.leaderboard(series, after=0, limit=0)).series
        state = (summary.version, summary.polls.resolved)
        cached = self._calibrations.get(series)
        if cached is not None and cached[0] == state:
            return cached[1]
        points = [crowd_point(each.record.poll, each.tally) for each in await self._resolved(series)]
        bins = calibration_of(point for point in points if point is not None)
        if len(self._calibrations) >= MAX_CACHED_CALIBRATIONS:
            del self._calibrations[next(iter(self._calibrations))]
        self._calibrations[series] = (state, bins)
        return bins

    async def _own_calibration(self, series: str, voter: bytes) -> list[CalibrationBin]:
        readings = await self._resolved(series)
        ballots = await self._series.picks([each.record for each in readings], voter)
        points = [
            own_point(reading.record.poll, ballot.code, ballot.at, ballot.history)
            for reading, ballot in zip(readings, ballots, strict=True)
            if ballot is not None
        ]
        return calibration_of(point for point in points if point is not None)

    async def _resolved(self, series: str) -> list[PollReading]:
        """Return the resolved forecasts among the newest polls of a series."""
        polls = await self._series.polls(series, after=0, limit=MAX_CALIBRATED_POLLS)
        readings = [_visible_reading(found) for found in (await self._results.read_many(polls)).values()]
        return [
            reading
            for reading in readings
            if reading is not None
            and reading.record.poll.forecast
            and reading.record.poll.resolution is not None
        ]

    async def _history(self, polls: list[str], voter: bytes) -> list[PickResponse]:
        """Return the voter's choices in the polls of a page, with their outcomes."""
        readings = [_visible_reading(found) for found in (await self._results.read_many(polls)).values()]
        visible = [reading for reading in readings if reading is not None]
        picks = await self._series.picks([reading.record for reading in visible], voter)
        return [
            _pick(reading, ballot)
            for reading, ballot in zip(visible, picks, strict=True)
            if ballot is not None
        ]


def _visible_reading(found: PollReading | PollwireError) -> PollReading | None:
    """Return the reading, or None if the poll was deleted since or is not visible."""
    if isinstance(found, NotFound):
        return None
    if isinstance(found, PollwireError):
        raise found
    return found if found.record.poll.is_visible(found.tally.now) else None


def _pick(reading: PollReading, ballot: StoredBallot) -> PickResponse:
    poll: Poll = reading.record.poll
    verdict = vote_verdict(poll, ballot.code, ballot.at, ballot.history)
    return PickResponse(
        poll=poll.id,
        question=poll.question,
        phase=poll.phase(reading.tally.now),
        choice=reading.record.codec.decode_choice(ballot.code),
        at=format_timestamp(ballot.at),
        outcome=poll.outcome,
        correct=verdict.is_correct,
        scored=verdict.is_scored,
    )


def _limit_of(query: Query) -> int:
    """Parse ``limit``, the page size. Raises ``InvalidChoice``."""
    limit = _number(query, "limit", DEFAULT_PAGE_SIZE)
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise InvalidChoice(f"limit must be a whole number from 1 to {MAX_PAGE_SIZE}.", "limit")
    return limit


def _leaderboard_cursor(query: Query) -> tuple[int | None, int]:
    """Parse the ``cursor`` of a leaderboard: its version (None: any) and the rows to skip.

    Raises ``InvalidChoice``.
    """
    text = _text(query, "cursor")
    if text is None:
        return None, 0
    found = _LEADERBOARD_CURSOR.fullmatch(text)
    if found is None:
        raise InvalidChoice("cursor must be the next of an earlier page.", "cursor")
    return int(found["version"]), int(found["after"])


def _number(query: Query, name: str, default: int) -> int:
    text = _text(query, name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise InvalidChoice(
            f"{name} must be {'the next of an earlier page' if name == 'cursor' else 'a number'}.", name
        )
    return int(text)


def _text(query: Query, name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise InvalidChoice(f"The parameter {name!r} is repeated.", name)
    return values[0] if values else None


def _next(after: int, limit: int, total: int) -> str | None:
    """Return the next cursor, or None on the last page."""
    return str(after + limit) if after + limit < total else None
