"""Instant-runoff: the winner of a ranked poll, round by round.

Each voter counts for the option ranked highest of those still in. A round
that gives no option more than half of the votes that still count takes one
option out, and its voters go on to the next that they ranked; those who
ranked no other are *exhausted* and count no more.

Ties are broken by rule, never by lot, so that everybody who counts the same
rankings finds the same winner: of those with the fewest votes the one goes
out that had fewer in the latest earlier round in which they differ, and where
they never did, the one that stands last in the poll's order of options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.poll import Poll

PreferenceProfile = Mapping[str, int]
"""The number of voters who gave each ranking, by its code (the letters of the options, best first)."""


class Round(msgspec.Struct, frozen=True, omit_defaults=True):
    """One round: what counted for whom, and who went out for it (nobody in the last)."""

    counts: dict[str, int]
    """Votes by the id of each option still in, in the poll's order."""
    exhausted: int
    """Voters all of whose options have gone out."""
    eliminated: str | UnsetType = UNSET
    transfers: dict[str, int] | UnsetType = UNSET
    """Votes that pass from the eliminated option to others; what is missing is exhausted."""


class RunoffResult(msgspec.Struct, frozen=True):
    """Every round, and who won the last; no rounds and None where nobody has voted."""

    rounds: tuple[Round, ...]
    winner: str | None


def count_instant_runoff(poll: Poll, profile: PreferenceProfile) -> RunoffResult:
    """Counts the rankings out; linear in their number, and in the options that each passes on."""
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
    """The rankings in piles, each under the option that it counts for now."""

    def __init__(self, order: Sequence[str], profile: PreferenceProfile) -> None:
        self._piles: dict[str, list[tuple[str, int]]] = {code: [] for code in order}
        for ranking in profile.items():
            self._piles[ranking[0][0]].append(ranking)
        self.votes = {code: sum(number for _, number in pile) for code, pile in self._piles.items()}
        self.voters = sum(self.votes.values())
        self.exhausted = 0
        self._earlier: list[dict[str, int]] = []

    def majority(self) -> str | None:
        """The option with more than half of the votes that still count."""
        leader = max(self.votes, key=self.votes.__getitem__)
        return leader if self.votes[leader] * 2 > self.voters - self.exhausted else None

    def eliminate(self) -> tuple[str, dict[str, int]]:
        """Takes the weakest option out; answers it, and what each other option gains."""
        loser = self._weakest()
        self._earlier.append(dict(self.votes))
        del self.votes[loser]
        gains = dict.fromkeys(self.votes, 0)
        for ranking, number in self._piles.pop(loser):
            heir = next((code for code in ranking if code in gains), None)
            if heir is None:
                self.exhausted += number
            else:
                self._piles[heir].append((ranking, number))
                gains[heir] += number
        for code, gain in gains.items():
            self.votes[code] += gain
        return loser, gains

    def _weakest(self) -> str:
        """The option with the fewest votes, ties broken as this module's head says."""
        fewest = min(self.votes.values())
        tied = [code for code, votes in self.votes.items() if votes == fewest]
        for votes in reversed(self._earlier):
            fewest = min(votes[code] for code in tied)
            tied = [code for code in tied if votes[code] == fewest]
        return tied[-1]
