"""What a recount comes to: the totals as they are kept, beside those that the ballots make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from pollwire_server.domain.poll import Kind, Poll
from pollwire_server.domain.tally import Tally


class Totals(msgspec.Struct, frozen=True):
    """Voters whose choice stands, and votes by option id (of a ranking its first preference)."""

    voters: int
    counts: dict[str, int]


class Recount(msgspec.Struct, frozen=True):
    """Both totals, of one instant, and whether they are the same."""

    matches: bool
    stored: Totals
    recounted: Totals


def recount_of(poll: Poll, tally: Tally, codes: Mapping[str, int]) -> Recount:
    """``codes``: how many voters had each code standing when the tally was read."""
    letters: Counter[str] = Counter()
    for code, voters in codes.items():
        for letter in code[:1] if poll.kind is Kind.RANKED else code:
            letters[letter] += voters
    stored = Totals(tally.voters, _by_name(poll, tally.counts))
    recounted = Totals(sum(codes.values()), _by_name(poll, letters))
    return Recount(stored == recounted, stored, recounted)


def _by_name(poll: Poll, counts: Mapping[str, int]) -> dict[str, int]:
    """Every option or value; a letter that is none of the poll's is told as itself: it must not be there."""
    names = {code: name for name, code in poll.codes.items()}
    known = {name: counts.get(code, 0) for code, name in names.items()}
    return known | {code: count for code, count in counts.items() if count and code not in names}
