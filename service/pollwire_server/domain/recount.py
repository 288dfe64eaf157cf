"""Result of a recount: the stored totals next to the totals computed from the ballots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from pollwire_server.domain.forecast import decode_forecast, totals_of
from pollwire_server.domain.poll import Kind, Poll
from pollwire_server.domain.tally import Tally


class Totals(msgspec.Struct, frozen=True):
    """Voters with a current vote, and votes by option id. A ranking counts for its first preference."""

    voters: int
    counts: dict[str, int]


class Recount(msgspec.Struct, frozen=True):
    """Both totals, read at the same instant, and whether they are equal."""

    matches: bool
    stored: Totals
    recounted: Totals


def recount_of(poll: Poll, tally: Tally, codes: Mapping[str, int]) -> Recount:
    """Compare the stored totals with the ballots. ``codes`` maps each code to its number of ballots."""
    letters: Counter[str] = Counter()
    if poll.forecast:
        return _recount_of_forecast(poll, tally, codes)
    for code, voters in codes.items():
        for letter in code[:1] if poll.kind is Kind.RANKED else code:
            letters[letter] += voters
    stored = Totals(tally.voters, _by_name(poll, tally.counts))
    recounted = Totals(sum(codes.values()), _by_name(poll, letters))
    return Recount(stored == recounted, stored, recounted)


def _recount_of_forecast(poll: Poll, tally: Tally, codes: Mapping[str, int]) -> Recount:
    """Compare all totals of a forecast. The counts are those of the likeliest outcomes."""
    letters = "".join(poll.codes.values())
    totals: Counter[str] = Counter()
    for code, voters in codes.items():
        for name, value in totals_of(letters, decode_forecast(code)).items():
            totals[name] += voters * value
    counted = {name: value for name, value in tally.counts.items() if value}
    matches = counted == {name: value for name, value in totals.items() if value}
    stored = Totals(tally.voters, {name: counted.get(code, 0) for name, code in poll.codes.items()})
    recounted = Totals(sum(codes.values()), {name: totals[code] for name, code in poll.codes.items()})
    return Recount(matches and stored == recounted, stored, recounted)


def _by_name(poll: Poll, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by option id or value, with zeros.

    A code that the poll does not have is an inconsistency. It appears under the code itself, so that the
    comparison shows it.
    """
    names = {code: name for name, code in poll.codes.items()}
    known = {name: counts.get(code, 0) for code, name in names.items()}
    return known | {code: count for code, count in counts.items() if count and code not in names}
