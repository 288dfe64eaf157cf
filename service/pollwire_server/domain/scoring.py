"""Scoring of predictions, and the ranking value of a leaderboard.

A resolved prediction scores the choice that each voter had when the outcome came true (``effective_at``). A
later choice is not a forecast, because its voter already knew the outcome. Changing or withdrawing a choice
later therefore neither improves a score nor avoids it. A void prediction scores no choice.

A leaderboard ranks voters by the lower bound of the 95 % confidence interval of their accuracy (Wilson, 1927,
"Probable inference, the law of succession, and statistical inference", without continuity correction). Thus
49 of 50 (0.895) ranks before 10 of 10 (0.722), and that before 1 of 1 (0.207): evidence counts, not only the
rate. Voters with equal values share a rank. The next rank counts everyone before it.

Alternatives. The plain rate puts one lucky guess on top. The number of correct forecasts rewards
participation. A minimum number of forecasts is a cliff, and the right number differs for series of three and
of three hundred polls. A prior (the same number of assumed right and wrong forecasts for every voter) has
nearly the same effect as the interval, but has two numbers to explain.

``store/functions/includes/scoring.lua`` computes the same value in the store, in the step that scores. A test
compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from pollwire_server.domain.forecast import decode_forecast, likeliest
from pollwire_server.domain.forecast_scoring import ForecastScore, score_forecast
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.vote_history import PastVote, vote_at

Z: Final = 1.959964
"""The standard score of a two-sided 95 % confidence interval."""


class RankBy(StrEnum):
    """The score that orders a leaderboard."""

    ACCURACY = "accuracy"
    PEER = "peer"
    PEER_AVERAGE = "peer_average"
    BASELINE = "baseline"
    BRIER = "brier"


DEFAULT_MINIMUMS: Final = {RankBy.PEER_AVERAGE: 10, RankBy.BRIER: 10}
"""Scored forecasts that a ranked voter needs: a mean over few forecasts is mostly luck. Otherwise 1."""


class VoteVerdict(NamedTuple):
    """The effect of a resolution on one choice."""

    is_correct: bool | None
    """None if the prediction is unresolved or void, or if the choice was made too late."""
    is_scored: bool
    """True if the choice counts on the leaderboard of a series."""


UNDECIDED: Final = VoteVerdict(None, False)


class Score(NamedTuple):
    """The record of a voter in a series."""

    right: int
    forecasts: int
    brier: int = 0
    """This and the next four fields are sums of the scores of forecasts, in millionths."""
    baseline: int = 0
    peer: int = 0
    coverage: int = 0
    crowd_brier: int = 0
    """The sum of the crowd's Brier scores in the predictions with a forecast of this voter."""

    @property
    def mean_brier(self) -> float | None:
        """Return the mean Brier score, from 0 (best) to 1. None without forecasts."""
        return self.brier / self.coverage if self.coverage else None

    @property
    def skill(self) -> float | None:
        """Return the Brier skill score against the crowd: 1 is perfect, 0 equals the crowd."""
        return 1 - self.brier / self.crowd_brier if self.crowd_brier else None

    @property
    def accuracy(self) -> float | None:
        """Return the share of correct forecasts, from 0 to 1. None if there are no forecasts."""
        return self.right / self.forecasts if self.forecasts else None

    @property
    def ranking_value(self) -> float:
        """Return the lower bound of the Wilson interval, from 0 to 1. A leaderboard sorts by it."""
        return wilson_lower_bound(self.right, self.forecasts)


def wilson_lower_bound(right: int, forecasts: int) -> float:
    """Return the lower bound of the 95 % interval of the rate ``right / forecasts`` (Wilson, 1927)."""
    if not right:
        return 0.0
    rate, square = right / forecasts, Z * Z
    spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * forecasts)) / forecasts)
    return (rate + square / (2 * forecasts) - spread) / (1 + square / forecasts)


def wilson_interval(right: int, forecasts: int) -> tuple[float, float]:
    """Return the 95 % interval of the rate ``right / forecasts`` (Wilson, 1927)."""
    return wilson_lower_bound(right, forecasts), 1 - wilson_lower_bound(forecasts - right, forecasts)


def scored_code(poll: Poll, code: str, at: int, history: Sequence[PastVote] = ()) -> str:
    """Return the code of the vote that the poll's resolution scores; empty if it scores none.

    ``code`` is the current vote, last changed ``at`` (ms). ``history`` has the voter's earlier votes.
    """
    resolution = poll.resolution
    if resolution is None or resolution.code is None:
        return ""
    return vote_at(history, PastVote(at, code), resolution.effective_at)


def vote_verdict(poll: Poll, code: str, at: int, history: Sequence[PastVote] = ()) -> VoteVerdict:
    """Return the verdict on the vote that the poll's resolution scores. Arguments as ``scored_code``."""
    scored = scored_code(poll, code, at, history)
    if not scored or poll.resolution is None:
        return UNDECIDED
    if poll.forecast:
        codes = list(poll.codes.values())
        return VoteVerdict(codes[likeliest(decode_forecast(scored))] == poll.resolution.code, True)
    return VoteVerdict(scored == poll.resolution.code, True)


def forecast_score_of(
    poll: Poll, code: str, at: int, history: Sequence[PastVote] = ()
) -> ForecastScore | None:
    """Return the scores of a voter's forecast; None if the resolution scores none."""
    scored, resolution = scored_code(poll, code, at, history), poll.resolution
    if not scored or not poll.forecast or resolution is None or not resolution.forecasters:
        return None
    return score_forecast(
        decode_forecast(scored),
        list(poll.codes.values()).index(resolution.code or ""),
        mean_log=resolution.log_sum / resolution.forecasters / 1e9,
        forecasters=resolution.forecasters,
        is_ordered=poll.ordered,
    )
