"""Calibration: how often forecasts of some confidence come true.

Each forecast is one point, so that the points of a bin are independent: its confidence is its highest
probability, and it is right if that outcome came true. A bin is compared at the mean confidence of its
points, not at its centre (Broecker and Smith, 2007, "Increasing the reliability of reliability diagrams").
The interval of the rate is Wilson's.

Predictions that closed before their planned end are left out. They are mostly those that came true early, so
they would bias the rates.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from pollwire_server.domain.crowd import crowd_of
from pollwire_server.domain.forecast import MICRO, decode_forecast, likeliest
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.scoring import scored_code, wilson_interval
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.vote_history import PastVote

EDGES: Final = (0, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 950_000, 990_000)
"""Lower bounds of the bins of confidence, in millionths. Forecasters are often very sure, so the last bins
are narrow."""

DIGITS: Final = 6
"""Decimal places."""


class Point(NamedTuple):
    """One forecast of a resolved prediction."""

    confidence: int
    """The highest probability, in millionths."""
    is_right: bool


class CalibrationBin(msgspec.Struct, frozen=True, rename={"lower": "from", "upper": "to"}):
    """Forecasts with a confidence in one range. Bins without forecasts are left out."""

    lower: float
    """The confidence from which on a forecast belongs to this bin."""
    upper: float
    """The end of the range. It belongs to the next bin, except 1."""
    n: Annotated[int, Meta(ge=1)]
    """The number of forecasts."""
    mean: float
    """The mean confidence."""
    rate: float
    """The share that came true. A calibrated forecaster has a rate close to the mean."""
    low: float
    """The lower end of the 95 % confidence interval of the rate (Wilson)."""
    high: float
    """The upper end."""


def point_of(forecast: Sequence[int], outcome: int) -> Point:
    """Return the point of a forecast in millionths."""
    place = likeliest(forecast)
    return Point(forecast[place], place == outcome)


def calibration_of(points: Iterable[Point]) -> list[CalibrationBin]:
    """Return the bins that have points, by ascending confidence."""
    bins: list[list[Point]] = [[] for _ in EDGES]
    for point in points:
        bins[bisect_right(EDGES, point.confidence) - 1].append(point)
    return [_bin(place, found) for place, found in enumerate(bins) if found]


def own_point(poll: Poll, code: str, at: int, history: Sequence[PastVote]) -> Point | None:
    """Return the point of a voter's scored forecast. None if there is none, or if the poll ended early."""
    outcome = _outcome_of(poll)
    scored = scored_code(poll, code, at, history)
    return None if outcome is None or not scored else point_of(decode_forecast(scored), outcome)


def crowd_point(poll: Poll, tally: Tally) -> Point | None:
    """Return the point of the mean forecast. None without forecasts, or if the poll ended early.

    Also None if the resolution scores an earlier time than the end of voting, which the totals do not have.
    """
    outcome, resolution = _outcome_of(poll), poll.resolution
    if outcome is None or resolution is None or resolution.effective_at < (poll.closed_at or 0):
        return None
    letters = list(poll.codes.values())
    mean = crowd_of(letters, tally.counts, tally.voters).mean
    return None if mean is None else point_of([mean[letter] for letter in letters], outcome)


def _outcome_of(poll: Poll) -> int | None:
    """Return the place of the outcome of a forecast that was open until its planned end."""
    resolution, planned = poll.resolution, poll.planned_closes_at
    if not poll.forecast or resolution is None or resolution.code is None:
        return None
    if planned is not None and poll.closed_at is not None and poll.closed_at < planned:
        return None
    return list(poll.codes.values()).index(resolution.code)


def _bin(place: int, points: Sequence[Point]) -> CalibrationBin:
    right = sum(point.is_right for point in points)
    low, high = wilson_interval(right, len(points))
    ends = (*EDGES, MICRO)
    return CalibrationBin(
        lower=ends[place] / MICRO,
        upper=ends[place + 1] / MICRO,
        n=len(points),
        mean=round(sum(point.confidence for point in points) / len(points) / MICRO, DIGITS),
        rate=round(right / len(points), DIGITS),
        low=round(low, DIGITS),
        high=round(high, DIGITS),
    )
