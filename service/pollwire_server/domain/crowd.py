"""The crowd of a forecast poll: the mean, the quartiles and the mean log probability of all forecasts.

The store adds each forecast to sums and to a histogram for each outcome, in the step that counts the vote.
The mean is exact. Quartiles come from the histogram, which has a bin for each percent from 2 to 98, and for
each tenth of a percent outside. They are the quartiles of each outcome by itself, so they need not sum to 1.

With two outcomes the store keeps only the histogram of the first. The second one is its mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pollwire_server.domain.forecast import (
    BINS,
    LOG_SUM,
    MICRO,
    PROBABILITY_SUM,
    largest_remainder,
    value_of_bin,
)
from pollwire_server.domain.poll import Poll

_QUARTILES: Final = (1, 2, 3)


class Quartiles(msgspec.Struct, frozen=True):
    """Lower quartile, median and upper quartile of the probabilities of one outcome."""

    low: float
    median: float
    high: float


class Distribution(msgspec.Struct, frozen=True):
    """The response of ``GET .../distribution``."""

    bins: list[float]
    """The probability in the middle of each bin, ascending."""
    counts: dict[str, list[int]]
    """The number of forecasts in each bin, by outcome id."""


class Crowd(msgspec.Struct, frozen=True):
    """The crowd by outcome letter. All are None while there are no forecasts."""

    mean: dict[str, int] | None
    """Millionths that sum to exactly one million."""
    quartiles: dict[str, Quartiles] | None
    mean_log: dict[str, float] | None


def histograms(letters: Sequence[str], totals: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the histogram of each outcome from the totals of a poll."""
    stored = {letter: [totals.get(f"{letter}{place}", 0) for place in range(BINS)] for letter in letters}
    if len(letters) == 2:
        stored[letters[1]] = stored[letters[0]][::-1]
    return stored


def distribution_of(poll: Poll, totals: Mapping[str, int]) -> Distribution:
    """Return the histograms of a forecast poll."""
    found = histograms(list(poll.codes.values()), totals)
    return Distribution(
        bins=[value_of_bin(place) / MICRO for place in range(BINS)],
        counts={name: found[code] for name, code in poll.codes.items()},
    )


def quartiles_of(counts: Sequence[int]) -> Quartiles:
    """Return the quartiles of a histogram that is not empty.

    The method is numpy's ``averaged_inverted_cdf``: where a quarter falls between two forecasts, their mean.
    """
    total = sum(counts)
    values = []
    for quarter in _QUARTILES:
        rank, rest = divmod(total * quarter, 4)
        lower = _value_at(counts, rank if rest == 0 else rank + 1)
        upper = _value_at(counts, rank + 1)
        values.append((lower + upper) / 2 / MICRO)
    return Quartiles(*values)


def percentile_rank(counts: Sequence[int], place: int) -> float | None:
    """Return the share of values below a bin of the histogram; values in the bin count half.

    None for an empty histogram. From 0 to 1. Wikipedia, "Percentile rank".
    """
    total = sum(counts)
    return (sum(counts[:place]) + counts[place] / 2) / total if total else None


def _value_at(counts: Sequence[int], rank: int) -> int:
    """Return the value of the forecast with this rank, from 1, in ascending order."""
    seen = 0
    for place, number in enumerate(counts):
        seen += number
        if seen >= rank:
            return value_of_bin(place)
    raise AssertionError("the rank is at most the number of forecasts")


def crowd_of(letters: Sequence[str], totals: Mapping[str, int], voters: int) -> Crowd:
    """Return the crowd from the totals of a poll."""
    if not voters:
        return Crowd(None, None, None)
    mean = largest_remainder([totals.get(letter + PROBABILITY_SUM, 0) for letter in letters])
    found = histograms(letters, totals)
    return Crowd(
        mean=dict(zip(letters, mean, strict=True)),
        quartiles={letter: quartiles_of(found[letter]) for letter in letters},
        mean_log={letter: totals.get(letter + LOG_SUM, 0) / voters / MICRO for letter in letters},
    )
