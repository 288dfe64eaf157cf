"""Detection of bursts: minutes that contain far more votes than usual for the poll.

A burst is not proof of fraud. A broadcast that mentions the poll causes one, too. A script differs from a
crowd in the choice: a crowd votes like everyone else. Each burst therefore reports its most frequent choice,
the share of its votes for that choice, and the share in all other votes. An operator who finds a burst
fraudulent removes its time span (a purge).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
MIN_RATIO: Final = 5
"""A burst has at least this many times the median number of votes a minute."""
MIN_VOTES: Final = 20
"""A minute with fewer votes is not a burst, however quiet the other minutes are."""
MAX_BURSTS: Final = 20

Minutes = Mapping[int, Counter[str]]
"""Current votes by code, for each minute since the epoch."""


class Burst(NamedTuple):
    """Consecutive minutes from ``first`` to ``last``, both included."""

    first: int
    last: int
    votes: int
    code: str
    """The most frequent code in the burst."""
    share: float
    """The share of ``code`` in the votes of the burst, from 0 to 1."""
    share_elsewhere: float
    """The share of ``code`` in all other votes, from 0 to 1. 0 if there are no other votes."""


def median_per_minute(minutes: Minutes) -> float:
    """Return the median number of votes a minute, over the minutes with at least one vote."""
    return median(codes.total() for codes in minutes.values()) if minutes else 0


def find_bursts(minutes: Minutes) -> list[Burst]:
    """Return at most ``MAX_BURSTS`` bursts, the largest first."""
    threshold = max(MIN_VOTES, MIN_RATIO * median_per_minute(minutes))
    spans: list[list[int]] = []
    for minute in sorted(minute for minute, codes in minutes.items() if codes.total() >= threshold):
        if spans and spans[-1][-1] == minute - 1:
            spans[-1].append(minute)
        else:
            spans.append([minute])
    totals = sum(minutes.values(), Counter[str]())
    bursts = [_burst(minutes, span, totals) for span in spans]
    return sorted(bursts, key=lambda burst: -burst.votes)[:MAX_BURSTS]


def _burst(minutes: Minutes, span: list[int], totals: Counter[str]) -> Burst:
    codes = sum((minutes[minute] for minute in span), Counter[str]())
    code, count = max(codes.items(), key=lambda item: (item[1], item[0]))
    votes, others = codes.total(), totals.total() - codes.total()
    share_elsewhere = (totals[code] - count) / others if others else 0.0
    return Burst(span[0], span[-1], votes, code, count / votes, share_elsewhere)
