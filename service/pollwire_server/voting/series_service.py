"""Series for those who take part in them: who is ahead, and how one has done oneself.

Only polls that are resolved count, and their totals may be seen by then, so a
leaderboard tells nothing that is hidden. Names are what their owners typed:
texts, for pages to show as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pollwire_server.domain.errors import InvalidChoice, NotFound, PollwireError
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.scoring import verdict_of
from pollwire_server.domain.window import Phase, format_instant
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store import Store
from pollwire_server.store.predictions.series import LeaderboardRow
from pollwire_server.store.results.reader import PollReading
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.store.votes.ballot_scan import StoredBallot
from pollwire_server.voting.requests import RequestCredentials
from pollwire_server.voting.responses import json_response
from pollwire_server.voting.voter_resolver import VoterResolver

SERIES_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MOST_ITEMS: Final = 100
USUAL_ITEMS: Final = 50
ACCURACY_DIGITS: Final = 4
"""After the point; more than people read."""


Query = Mapping[str, Sequence[str]]
"""An address's parameters: all values of each."""


class RowAnswer(msgspec.Struct, frozen=True):
    """One row of a leaderboard. Picks are right or wrong; what scores probabilities is null for them."""

    rank: int
    name: str | None
    forecasts: int
    brier: float | None
    baseline: float | None
    peer: float | None
    accuracy: float | None


class RowsPage(msgspec.Struct, frozen=True):
    """One page of a leaderboard."""

    items: list[RowAnswer]
    next: str | None


class PickAnswer(msgspec.Struct, frozen=True):
    """One choice of the caller's history; ``correct`` and ``scored`` as of the caller's own vote."""

    poll: str
    question: str
    phase: Phase
    choice: object
    at: str
    outcome: str | None
    correct: bool | None
    scored: bool


class OwnSeriesPage(msgspec.Struct, frozen=True):
    """The caller's row, null before the first score, and one page of their history, the newest poll first."""

    row: RowAnswer | None
    items: list[PickAnswer]
    next: str | None


class SeriesService:
    """Answers whoever asks about a series."""

    __slots__ = ("_callers", "_results", "_series")

    def __init__(self, store: Store, callers: VoterResolver) -> None:
        self._series = store.series
        self._results = store.results
        self._callers = callers

    async def check(self, series: str) -> bytes:
        """The key of a series that there is; ``NotFound``, ``StoreUnavailable``."""
        if not SERIES_ID.fullmatch(series):
            raise NotFound("There is no such series; its id has letters a to z, digits and hyphens.")
        return await self._series.voter_key(series)

    async def leaderboard(self, series: str, query: Query) -> HttpResponse:
        """One page of rows. Raises ``NotFound``, ``InvalidChoice`` and ``StoreUnavailable``."""
        async with request_deadline():
            await self.check(series)
            after, limit = _page_of(query)
            rows, total = await self._series.rows(series, after=after, limit=limit)
        return json_response(RowsPage([_row(row) for row in rows], _next(after, limit, total)), ())

    async def mine(self, series: str, caller: RequestCredentials, query: Query) -> HttpResponse:
        """The caller's own. Raises as ``leaderboard`` does, and for who does not say who they are."""
        async with request_deadline():
            voter_key = await self.check(series)
            voter = await self._callers.voter_of_series(caller, voter_key)
            after, limit = _page_of(query)
            row = await self._series.row_of(series, voter)
            polls = await self._series.polls(series, after=after, limit=limit + 1)
            picks = await self._history(polls[:limit], voter)
        return json_response(
            OwnSeriesPage(None if row is None else _row(row), picks, _next(after, limit, after + len(polls))),
            (),
        )

    async def _history(self, polls: list[str], voter: bytes) -> list[PickAnswer]:
        """What the voter has chosen in those of the polls in which they have voted, and what came of it."""
        readings = [_visible_reading(found) for found in (await self._results.read_many(polls)).values()]
        shown = [reading for reading in readings if reading is not None]
        picks = await self._series.picks([reading.record for reading in shown], voter)
        return [_pick(reading, held) for reading, held in zip(shown, picks, strict=True) if held is not None]


def _visible_reading(found: PollReading | PollwireError) -> PollReading | None:
    """A reading; None of a poll that was deleted meanwhile."""
    if isinstance(found, NotFound):
        return None
    if isinstance(found, PollwireError):
        raise found
    return found if found.record.poll.is_visible(found.tally.now) else None


def _pick(reading: PollReading, held: StoredBallot) -> PickAnswer:
    poll: Poll = reading.record.poll
    verdict = verdict_of(poll, held.code, held.at)
    return PickAnswer(
        poll=poll.id,
        question=poll.question,
        phase=poll.phase(reading.tally.now),
        choice=reading.record.codec.decode_choice(held.code),
        at=format_instant(held.at),
        outcome=poll.outcome,
        correct=verdict.is_correct,
        scored=verdict.is_scored,
    )


def _row(row: LeaderboardRow) -> RowAnswer:
    accuracy = row.score.accuracy
    return RowAnswer(
        rank=row.rank,
        name=row.name,
        forecasts=row.score.forecasts,
        brier=None,
        baseline=None,
        peer=None,
        accuracy=None if accuracy is None else round(accuracy, ACCURACY_DIGITS),
    )


def _page_of(query: Query) -> tuple[int, int]:
    """How many to leave out, and how many to tell at most. ``InvalidChoice`` for what is no such number."""
    limit = _number(query, "limit", USUAL_ITEMS)
    if not 1 <= limit <= MOST_ITEMS:
        raise InvalidChoice(f"limit must be a whole number from 1 to {MOST_ITEMS}.", "limit")
    return _number(query, "cursor", 0), limit


def _number(query: Query, name: str, usual: int) -> int:
    given = query.get(name, ())
    if not given:
        return usual
    if len(given) > 1:
        raise InvalidChoice(f"The parameter {name!r} is given twice.", name)
    if not re.fullmatch(r"[0-9]{1,9}", given[0], re.ASCII):
        raise InvalidChoice(
            f"{name} must be {'the next of an earlier page' if name == 'cursor' else 'a number'}.", name
        )
    return int(given[0])


def _next(after: int, limit: int, total: int) -> str | None:
    """Where to go on; a leaderboard moves between two pages, and a page tells how it stands then."""
    return str(after + limit) if after + limit < total else None
