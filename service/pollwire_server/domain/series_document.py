"""The documents of a series: its settings, and the rows of its leaderboard, as all APIs send them."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from pollwire_server.domain.forecast import MICRO
from pollwire_server.domain.scoring import RankBy, Score

ACCURACY_DIGITS: Final = 4
SCORE_DIGITS: Final = 6
"""Decimal places."""


class PollNumbers(NamedTuple):
    """Numbers of visible polls of a series."""

    open: int = 0
    closed: int = 0
    resolved: int = 0
    canceled: int = 0


class SeriesSummary(NamedTuple):
    """The fields of a series that its leaderboard shows."""

    rank_by: RankBy
    minimum: int
    version: int
    """Raised by each resolution, correction, reversal and new order of the leaderboard. All rows of one
    reply are of one version."""
    crowd: Score
    """The sums of the mean forecasts."""
    title: str | None = None
    polls: PollNumbers = PollNumbers()


class LeaderboardRowDocument(msgspec.Struct, frozen=True):
    """One row of a leaderboard. The scores of probabilities are null without forecasts."""

    rank: int | None
    name: str | None
    forecasts: int
    brier: float | None
    baseline: float | None
    peer: float | None
    accuracy: float | None
    coverage: float
    skill: float | None


class SeriesPolls(msgspec.Struct, frozen=True):
    """Numbers of polls of a series by phase.

    ``open`` includes polls that open later. ``canceled`` includes polls that were archived without an
    outcome.
    """

    open: int
    closed: int
    resolved: int
    canceled: int


class SeriesDocument(msgspec.Struct, frozen=True):
    """A series of predictions: its settings, its polls and the scores of the crowd."""

    series: str
    title: str | None
    rank_by: RankBy
    minimum: int
    version: int
    polls: SeriesPolls
    crowd: LeaderboardRowDocument | None
    """The scores of the mean forecasts, without a rank. Null without scored forecasts."""


def series_document(series: str, summary: SeriesSummary) -> SeriesDocument:
    """Return the document of a series."""
    crowd = row_document(None, None, summary.crowd) if summary.crowd.forecasts else None
    settings = (summary.title, summary.rank_by, summary.minimum, summary.version)
    return SeriesDocument(series, *settings, SeriesPolls(*summary.polls), crowd)


def row_document(rank: int | None, name: str | None, score: Score) -> LeaderboardRowDocument:
    """Return a row of a leaderboard."""
    has_forecasts = score.coverage > 0
    return LeaderboardRowDocument(
        rank=rank,
        name=name,
        forecasts=score.forecasts,
        brier=_rounded(score.mean_brier, SCORE_DIGITS),
        baseline=score.baseline / MICRO if has_forecasts else None,
        peer=score.peer / MICRO if has_forecasts else None,
        accuracy=_rounded(score.accuracy, ACCURACY_DIGITS),
        coverage=score.coverage / MICRO,
        skill=_rounded(score.skill, ACCURACY_DIGITS),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
