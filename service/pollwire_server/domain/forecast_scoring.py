"""Scores of forecasts after a prediction is resolved.

Outcome o of K came true, p is the forecast and q the floored forecast:

- Brier: ``1/2 sum_k (p_k - [k = o])**2``, from 0 (best) to 1. Brier 1950.
- Ranked, for ordered outcomes: ``1/(K-1) sum_j (F_j - [o <= j])**2`` of the cumulative F. Epstein 1969.
- Baseline: ``100 (1 + ln q_o / ln K)``: 100 if certain and right, 0 if uniform. Good 1952; Metaculus.
- Peer: ``100 N/(N-1) (ln q_o - mean ln q_o)`` over all N forecasts; 0 if N = 1. Metaculus.

The crowd is scored by the mean forecast. Its peer score is ``100 (ln q_o - mean ln q_o)``, because the crowd
is not one of the N. Stored scores are whole millionths, rounded half up.

``store/functions/includes/forecast.lua`` computes the same values in the store. A test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from pollwire_server.domain.forecast import MICRO, Micro, apply_floor, likeliest

_POINTS: Final = 100


class ForecastScore(NamedTuple):
    """The scores of one forecast, each in millionths."""

    is_correct: bool
    """True if the outcome is the likeliest one of the forecast."""
    brier: int
    baseline: int
    peer: int


def brier(forecast: Sequence[float], outcome: int) -> float:
    """Return the Brier score, halved so that it is from 0 to 1."""
    return math.fsum((value - (place == outcome)) ** 2 for place, value in enumerate(forecast)) / 2


def ranked(forecast: Sequence[float], outcome: int) -> float:
    """Return the ranked probability score of ordered outcomes, from 0 to 1. Brier's if there are two."""
    cumulative, terms = 0.0, []
    for place, value in enumerate(forecast[:-1]):
        cumulative += value
        terms.append((cumulative - (outcome <= place)) ** 2)
    return math.fsum(terms) / (len(forecast) - 1)


def log_probability(forecast: Sequence[float], outcome: int) -> float:
    """Return the natural logarithm of the floored probability of the outcome."""
    return math.log(apply_floor(forecast)[outcome])


def baseline(log_value: float, outcomes: int) -> float:
    """Return the baseline score of a log probability, in points."""
    return _POINTS * (1 + log_value / math.log(outcomes))


def peer(log_value: float, mean_log: float, forecasters: int) -> float:
    """Return the peer score of one of the ``forecasters``, in points."""
    if forecasters < 2:
        return 0.0
    return _POINTS * forecasters / (forecasters - 1) * (log_value - mean_log)


def crowd_peer(log_value: float, mean_log: float) -> float:
    """Return the peer score of the mean forecast, in points."""
    return _POINTS * (log_value - mean_log)


def score_forecast(
    forecast: Micro, outcome: int, *, mean_log: float, forecasters: int, is_ordered: bool = False
) -> ForecastScore:
    """Return the scores of a stored forecast. The mean is that of all ``forecasters``."""
    log_value = log_probability(forecast, outcome)
    return ForecastScore(
        is_correct=likeliest(forecast) == outcome,
        brier=brier_micro(forecast, outcome, is_ordered=is_ordered),
        baseline=round_half_up(baseline(log_value, len(forecast)) * MICRO),
        peer=round_half_up(peer(log_value, mean_log, forecasters) * MICRO),
    )


def brier_micro(forecast: Micro, outcome: int, *, is_ordered: bool = False) -> int:
    """Return the Brier score of a stored forecast in millionths. Computed with integers, so it is exact.

    For ordered outcomes it is the ranked probability score instead.
    """
    if is_ordered:
        steps = len(forecast) - 1
        sums = list(accumulate(forecast))[:-1]
        total = sum((value - (outcome <= place) * MICRO) ** 2 for place, value in enumerate(sums))
        return (2 * total + steps * MICRO) // (2 * steps * MICRO)
    total = sum((value - (place == outcome) * MICRO) ** 2 for place, value in enumerate(forecast))
    return (total + MICRO) // (2 * MICRO)


def round_half_up(value: float) -> int:
    """Return the nearest integer. A half is rounded up, also below zero."""
    return math.floor(value + 0.5)
