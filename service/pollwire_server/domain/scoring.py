"""Scoring of predictions, and the ranking value of a leaderboard.

A resolved prediction scores the choice that each voter had when the outcome came true (``effective_at``). A
voter who changed the choice later already knew the outcome, so that choice is not a forecast and is not
scored. A void prediction scores no choice.

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
from typing import Final, NamedTuple

from pollwire_server.domain.poll import Poll

Z: Final = 1.959964
"""The standard score of a two-sided 95 % confidence interval."""


class Verdict(NamedTuple):
    """The effect of a resolution on one choice."""

    is_correct: bool | None
    """None if the prediction is unresolved or void, or if the choice was made too late."""
    is_scored: bool
    """True if the choice counts on the leaderboard of a series."""


UNDECIDED: Final = Verdict(None, False)


class Score(NamedTuple):
    """The record of a voter in a series."""

    right: int
    forecasts: int

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


def verdict_of(poll: Poll, code: str, at: int) -> Verdict:
    """Return the verdict on the choice ``code`` that was last changed ``at`` (ms)."""
    resolution = poll.resolution
    if resolution is None or resolution.code is None or at > resolution.effective_at:
        return UNDECIDED
    return Verdict(code == resolution.code, True)
