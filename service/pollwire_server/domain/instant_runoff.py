"""Instant-runoff voting: the rounds and the winner of a ranked poll.

Each ballot counts for its highest-ranked remaining option. If no option has more than half of the votes that
still count, the round eliminates one option, and its ballots transfer to their next remaining option. A
ballot without a remaining option is *exhausted* and no longer counts.

A rule breaks ties, not chance, so every count of the same rankings finds the same winner. Of the options with
the fewest votes, the round eliminates the one with fewer votes in the latest earlier round in which they
differ. If they never differ, it eliminates the one that comes last in the poll's order of options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.poll import Poll

PreferenceProfile = Mapping[str, int]
"""The number of voters for each ranking, by its code (the letters of the options, best first)."""


class Round(msgspec.Struct, frozen=True, omit_defaults=True):
    """One round: the votes of each remaining option, and the eliminated option except in the last round."""

    counts: dict[str, int]
    """Votes by the id of each remaining option, in the poll's order."""
    exhausted: int
    """The number of exhausted ballots."""
    eliminated: str | UnsetType = UNSET
    transfers: dict[str, int] | UnsetType = UNSET
    """Votes that each remaining option gains from the eliminated one. The rest of its votes is exhausted."""


class RunoffResult(msgspec.Struct, frozen=True):
    """All rounds and the winner. Without votes there are no rounds and the winner is None."""

    rounds: tuple[Round, ...]
    winner: str | None


def count_instant_runoff(poll: Poll, profile: PreferenceProfile) -> RunoffResult:
    """Count the rankings. The time is linear in their number and in the transfers of each."""
    count = _Count([option.code for option in poll.options], profile)
    ids = {option.code: option.id for option in poll.options}
    rounds: list[Round] = []
    while count.voters:
        counts = {ids[code]: votes for code, votes in count.votes.items()}
        exhausted = count.exhausted
        winner = count.majority()
        if winner is not None:
            return RunoffResult((*rounds, Round(counts, exhausted)), ids[winner])
        loser, gains = count.eliminate()
        transfers = {ids[code]: votes for code, votes in gains.items() if votes}
        rounds.append(Round(counts, exhausted, ids[loser], transfers))
    return RunoffResult((), None)


class _Count:
    """The state of a count: the rankings in piles, one pile for each remaining option."""

    def __init__(self, order: Sequence[str], profile: PreferenceProfile) -> None:
        self._piles: dict[str, list[tuple[str, int]]] = {code: [] for code in order}
        for ranking in profile.items():
            self._piles[ranking[0][0]].append(ranking)
        self.votes = {code: sum(number for _, number in pile) for code, pile in self._piles.items()}
        self.voters = sum(self.votes.values())
        self.exhausted = 0
        self._earlier_rounds: list[dict[str, int]] = []

    def majority(self) -> str | None:
        """Return the option with more than half of the votes that still count, or None."""
        leader = max(self.votes, key=self.votes.__getitem__)
        return leader if self.votes[leader] * 2 > self.voters - self.exhausted else None

    def eliminate(self) -> tuple[str, dict[str, int]]:
        """Eliminate the weakest option. Return its code and the votes that each remaining option gains."""
        loser = self._weakest()
        self._earlier_rounds.append(dict(self.votes))
        del self.votes[loser]
        gains = dict.fromkeys(self.votes, 0)
        for ranking, number in self._piles.pop(loser):
            next_choice = next((code for code in ranking if code in gains), None)
            if next_choice is None:
                self.exhausted += number
            else:
                self._piles[next_choice].append((ranking, number))
                gains[next_choice] += number
        for code, gain in gains.items():
            self.votes[code] += gain
        return loser, gains

    def _weakest(self) -> str:
        """Return the option with the fewest votes. The module's docstring describes the rule for ties."""
        fewest = min(self.votes.values())
        tied = [code for code, votes in self.votes.items() if votes == fewest]
        for votes in reversed(self._earlier_rounds):
            fewest = min(votes[code] for code in tied)
            tied = [code for code in tied if votes[code] == fewest]
        return tied[-1]
