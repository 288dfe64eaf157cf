"""Who was right, and who is better at it than others.

A prediction that has come to an outcome scores each choice that stood when
the outcome came true: the choice of somebody who changed it after that
(``effective_at``) was made knowing, so it is no forecast and does not score.
Nor does any choice of a poll that was annulled.

A leaderboard ranks voters by the lower end of the interval in which their
true rate of being right lies with 95 % confidence (Wilson, 1927, "Probable
inference, the law of succession, and statistical inference", without the
correction for continuity). So 49 right of 50 (0.895) stand before 10 of 10
(0.722), and those before 1 of 1 (0.207): a rate counts for as much as there is
to show for it. Equals share a rank; the next rank counts everybody before it.

Alternatives. The plain rate puts whoever guessed once, and well, on top. The
number right rewards whoever takes part most. A least number of forecasts makes
a cliff, and somebody must choose it for series of three polls and of three
hundred. A prior (so many picks right and wrong for everybody to begin with)
comes to nearly the same as the interval and needs two numbers explained.

``functions/includes/scoring.lua`` reckons the same in the store, inside the
step that scores; a test holds the two together.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from pollwire_server.domain.poll import Poll

Z: Final = 1.959964
"""The standard score of 95 % confidence on both sides."""


class Verdict(NamedTuple):
    """What a resolution says of one choice."""

    is_correct: bool | None
    """None where that is not known, or nobody was right: not resolved yet, annulled, or chosen too late."""
    is_scored: bool
    """Whether it counts in the leaderboard of a series."""


UNDECIDED: Final = Verdict(None, False)


class Score(NamedTuple):
    """What a voter has to show in a series."""

    right: int
    forecasts: int

    @property
    def accuracy(self) -> float | None:
        """The share that was right; None without forecasts."""
        return self.right / self.forecasts if self.forecasts else None

    @property
    def ranking_value(self) -> float:
        """What ranks a voter: the lower bound of the Wilson interval, from 0 to 1."""
        return wilson_lower_bound(self.right, self.forecasts)


def wilson_lower_bound(right: int, forecasts: int) -> float:
    """The lower end of the 95 % interval of a rate of which ``right`` of ``forecasts`` were seen."""
    if not right:
        return 0.0
    rate, square = right / forecasts, Z * Z
    spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * forecasts)) / forecasts)
    return (rate + square / (2 * forecasts) - spread) / (1 + square / forecasts)


def verdict_of(poll: Poll, code: str, at: int) -> Verdict:
    """What the poll's resolution says of the choice ``code`` that was last changed ``at`` (ms)."""
    held = poll.resolution
    if held is None or held.code is None or at > held.effective_at:
        return UNDECIDED
    return Verdict(code == held.code, True)
