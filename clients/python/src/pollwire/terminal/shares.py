"""Shares of votes in percent, rounded together so that they add up."""

from __future__ import annotations

from collections.abc import Mapping


def shares_of(counts: Mapping[str, int], voters: int, digits: int = 0) -> dict[str, float]:
    """Return each count's share of ``voters`` in percent, with ``digits`` decimals.

    If the counts add up to ``voters``, the shares add up to 100, by the method of the largest remainder. A
    share is 0 or 100 only if it is exactly that. Otherwise (several choices a voter) each is rounded alone.
    """
    if voters <= 0:
        return dict.fromkeys(counts, 0.0)
    unit = 10**digits
    total = 100 * unit
    units = {name: count * total // voters for name, count in counts.items()}
    remainders = {name: count * total % voters for name, count in counts.items()}
    if sum(counts.values()) == voters:
        missing = total - sum(units.values())
        for name in sorted(counts, key=lambda name: -remainders[name])[:missing]:
            units[name] += 1
        _lift_traces(counts, units)
    else:
        for name, count in counts.items():
            units[name] += 2 * remainders[name] >= voters
            if 0 < count < voters:
                units[name] = min(max(units[name], 1), total - 1)
    return {name: units[name] / unit for name in counts}


def _lift_traces(counts: Mapping[str, int], units: dict[str, int]) -> None:
    """Raise shares that are 0 without being it to one unit, at the cost of the largest."""
    for name, count in counts.items():
        if count and not units[name]:
            largest = max(units, key=units.__getitem__)
            if units[largest] > 1:
                units[largest] -= 1
                units[name] = 1
