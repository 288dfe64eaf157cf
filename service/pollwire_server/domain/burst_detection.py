"""What looks odd in when votes came: minutes in which far more came than usual, and what they were for.

A burst proves nothing: a programme that names the poll makes one, too. What tells a crowd from a script is
whether its votes are spread as all others are, so each burst says how many were for one choice, and how many
of the others were. Whoever finds one foul takes its span out (a purge).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
TIMES_THE_USUAL: Final = 5
LEAST_VOTES: Final = 20
"""Fewer in a minute are no burst, however quiet the others were."""
MOST_TOLD: Final = 20

Minutes = Mapping[int, Counter[str]]
"""Votes that stand by the minute (since the epoch) of their time, by code."""


class Burst(NamedTuple):
    """Minutes in a row: from ``first`` up to and including ``last``."""

    first: int
    last: int
    votes: int
    code: str
    """What most of its votes were for."""
    share: float
    """Of its votes, those for ``code``."""
    share_elsewhere: float
    """Of all other votes, those for ``code``; 0 where there are none."""


def median_per_minute(minutes: Minutes) -> float:
    """The median of votes a minute, of the minutes in which there were any."""
    return median(codes.total() for codes in minutes.values()) if minutes else 0


def find_bursts(minutes: Minutes) -> list[Burst]:
    """At most 20, the largest first."""
    least = max(LEAST_VOTES, TIMES_THE_USUAL * median_per_minute(minutes))
    found: list[list[int]] = []
    for minute in sorted(minute for minute, codes in minutes.items() if codes.total() >= least):
        if found and found[-1][-1] == minute - 1:
            found[-1].append(minute)
        else:
            found.append([minute])
    everything = sum(minutes.values(), Counter[str]())
    bursts = [_burst(minutes, run, everything) for run in found]
    return sorted(bursts, key=lambda burst: -burst.votes)[:MOST_TOLD]


def _burst(minutes: Minutes, run: list[int], everything: Counter[str]) -> Burst:
    codes = sum((minutes[minute] for minute in run), Counter[str]())
    code, count = max(codes.items(), key=lambda item: (item[1], item[0]))
    votes, others = codes.total(), everything.total() - codes.total()
    elsewhere = (everything[code] - count) / others if others else 0.0
    return Burst(run[0], run[-1], votes, code, count / votes, elsewhere)
