"""Forecasts: a probability for each outcome of a prediction, in whole millionths.

Whole millionths make sums exact: subtracting a forecast restores the previous totals, and equal forecasts
have equal scores. The code of a forecast has three bytes (big-endian) for each outcome in the poll's order,
without the last one, which is the rest. A forecast of two outcomes therefore needs three bytes.

A forecast of 0 for the outcome that came true would score minus infinity, so probabilities have a floor. The
floor is *water-filling*: ``q_k = max(0.001, p_k / scale)``, with the scale at which the q sum to 1. It
maximizes the expected log score of a belief among the forecasts above the floor. The score thus stays proper
for every belief and every number of outcomes. Clipping does not: each outcome set to 0 would gain 0.1 points.

``store/functions/includes/forecast.lua`` computes the same values in the store. A test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

MICRO: Final = 1_000_000
"""The millionths of a whole."""

FLOOR: Final = 0.001
"""The lowest probability that a score uses."""

MAX_SUM_ERROR: Final = 0.001 + 1e-9
"""The distance from 1 at which a sum of probabilities is accepted and normalized."""

Micro = tuple[int, ...]
"""Probabilities in millionths, in the poll's order of outcomes. They sum to ``MICRO``."""

BINS: Final = 137
"""Bins of the histogram of one outcome."""

_FIRST_PERCENT: Final = 20
_LAST_PERCENT: Final = 116
PROBABILITY_SUM: Final = "p"
LOG_SUM: Final = "l"
"""Suffixes of an outcome's letter in the totals: sum of millionths, and sum of millionths of ln q. A number
instead is a bin of the histogram."""

_NANO: Final = 1_000_000_000
_BYTES: Final = 3


def normalize(probabilities: Sequence[float]) -> Micro:
    """Return the probabilities in millionths that sum to exactly 1, by largest remainder.

    Of equal remainders the first outcome gets the millionth. The sum of the probabilities is not 0.
    """
    return largest_remainder([math.floor(value * _NANO + 0.5) for value in probabilities])


def totals_of(letters: Sequence[str], forecast: Micro) -> dict[str, int]:
    """Return what the forecast adds to the totals of its poll (``includes/forecast.lua``)."""
    totals: dict[str, int] = {}
    for place, (value, floored) in enumerate(zip(forecast, apply_floor(forecast), strict=True)):
        letter = letters[place]
        totals[letter + PROBABILITY_SUM] = value
        totals[letter + LOG_SUM] = math.floor(math.log(floored) * MICRO + 0.5)
        if len(forecast) > 2 or place == 0:
            totals[f"{letter}{bin_of(value)}"] = 1
    totals[letters[likeliest(forecast)]] = 1
    return totals


def largest_remainder(weights: Sequence[int]) -> Micro:
    """Divide ``MICRO`` in proportion to the weights, exactly (Hamilton's method)."""
    total = sum(weights)
    shares = [divmod(weight * MICRO, total) for weight in weights]
    missing = MICRO - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(shares)), key=lambda place: -shares[place][1])
    raised = set(by_remainder[:missing])
    return tuple(share + (place in raised) for place, (share, _) in enumerate(shares))


def encode_forecast(forecast: Micro) -> str:
    """Return the code that the store keeps: one character for each byte."""
    return b"".join(value.to_bytes(_BYTES, "big") for value in forecast[:-1]).decode("latin-1")


def decode_forecast(code: str) -> Micro:
    """Return the forecast of a stored code."""
    stored = code.encode("latin-1")
    values = [int.from_bytes(stored[at : at + _BYTES], "big") for at in range(0, len(stored), _BYTES)]
    return (*values, MICRO - sum(values))


def likeliest(forecast: Sequence[int]) -> int:
    """Return the index of the likeliest outcome. Of equal ones, the first."""
    return max(range(len(forecast)), key=lambda place: forecast[place])


def apply_floor(forecast: Sequence[float]) -> tuple[float, ...]:
    """Return the probabilities that a score uses: at least ``FLOOR``, by water-filling. They sum to 1."""
    total = math.fsum(forecast)
    values = [value / total for value in forecast]
    floored = {place for place, value in enumerate(values) if value < FLOOR}
    while True:
        above = math.fsum(value for place, value in enumerate(values) if place not in floored)
        scale = above / (1 - FLOOR * len(floored))
        lifted = {
            place for place, value in enumerate(values) if place not in floored and value / scale < FLOOR
        }
        if not lifted:
            break
        floored |= lifted
    return tuple(FLOOR if place in floored else value / scale for place, value in enumerate(values))


def bin_of(micro: int) -> int:
    """Return the bin of a probability in millionths."""
    if micro < 20_000:
        return (micro + 500) // 1000
    if micro <= 980_000:
        return _FIRST_PERCENT + (micro - 15_000) // 10_000
    return _LAST_PERCENT + (micro - 979_500) // 1000


def value_of_bin(place: int) -> int:
    """Return the probability in the middle of a bin, in millionths."""
    if place < _FIRST_PERCENT:
        return place * 1000
    if place <= _LAST_PERCENT:
        return (place - _FIRST_PERCENT + 2) * 10_000
    return 980_000 + (place - _LAST_PERCENT) * 1000
