"""Instant-runoff voting: the rounds and the winner of a ranked poll.

Each ballot counts for its highest-ranked remaining option. If no option has more than half of the votes that
still count, the round eliminates one option, and its ballots transfer to their next remaining option. A
ballot without a remaining option is *exhausted* and no longer counts.

Ties (ADR 0025). Of the options with the fewest votes, the round eliminates the one with fewer votes in the
latest earlier round in which they differ. If they never differ, a lot decides: the option with the lowest lot
is eliminated. An option's lot is the SHA-256 of ``<tie seed>:<option id>``. The seed is random, is published
with the poll before voting and cannot be edited, so the draw can be verified but not influenced. With
``ties: declare`` no lot decides who wins: if all remaining options are tied, the result names them instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.poll import Poll, Ties

PreferenceProfile = Mapping[str, int]
"""The number of voters for each ranking, by its code (the letters of the options, best first)."""


class TieRule(StrEnum):
    """The rule that broke a tie for elimination."""

    EARLIER_ROUND = "earlier_round"
    LOT = "lot"


class Round(msgspec.Struct, frozen=True, omit_defaults=True):
    """One round: the votes of each remaining option, and the eliminated option except in the last round."""

    counts: dict[str, int]
    """Votes by the id of each remaining option, in the poll's order."""
    exhausted: int
    """The number of exhausted ballots."""
    eliminated: str | UnsetType = UNSET
    transfers: dict[str, int] | UnsetType = UNSET
    """Votes that each remaining option gains from the eliminated one. The rest of its votes is exhausted."""
    tie_broken: bool = False
    """True if several options had the fewest votes, so that a rule chose the eliminated one."""
    tied: tuple[str, ...] | UnsetType = UNSET
    """The ids of the options with the fewest votes, if there are several."""
    tie_rule: TieRule | UnsetType = UNSET


class RunoffResult(msgspec.Struct, frozen=True):
    """All rounds and the winner. Without votes there are no rounds and the winner is None."""

    rounds: tuple[Round, ...]
    winner: str | None
    tie: tuple[str, ...] = ()
    """The options that share the victory, if the poll declares ties. ``winner`` is then None."""

    @property
    def leading(self) -> tuple[str, ...]:
        """Return the winner, or all options of a declared tie."""
        return self.tie if self.winner is None else (self.winner,)

    @property
    def tie_broken(self) -> bool:
        """Return True if a rule broke a tie in any round."""
        return any(done.tie_broken for done in self.rounds)


def lot_of(seed: str, option_id: str) -> str:
    """Return the lot of an option as hex digits. The lowest lot among tied options is eliminated."""
    return sha256(f"{seed}:{option_id}".encode()).hexdigest()


def count_instant_runoff(poll: Poll, profile: PreferenceProfile) -> RunoffResult:
    """Count the rankings. The time is linear in their number and in the transfers of each."""
    ids = {option.code: option.id for option in poll.options}
    count = _Count(list(ids), profile, lambda code: lot_of(poll.lot_seed, ids[code]))
    rounds: list[Round] = []
    while count.voters:
        counts = {ids[code]: votes for code, votes in count.votes.items()}
        exhausted = count.exhausted
        winner = count.majority()
        if winner is not None:
            return RunoffResult((*rounds, Round(counts, exhausted)), ids[winner])
        tied, loser, rule = count.weakest()
        tied_ids = tuple(ids[code] for code in tied)
        if poll.ties is Ties.DECLARE and rule is TieRule.LOT and len(tied) == len(counts):
            return RunoffResult((*rounds, Round(counts, exhausted, tied=tied_ids)), None, tied_ids)
        gains = count.eliminate(loser)
        transfers = {ids[code]: votes for code, votes in gains.items() if votes}
        tie = (True, tied_ids, rule) if rule is not None else ()
        rounds.append(Round(counts, exhausted, ids[loser], transfers, *tie))
    return RunoffResult((), None)


class _Count:
    """The state of a count: the rankings in piles, one pile for each remaining option."""

    def __init__(self, order: Sequence[str], profile: PreferenceProfile, lot: Callable[[str], str]) -> None:
        self._lot = lot
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

    def eliminate(self, loser: str) -> dict[str, int]:
        """Eliminate an option. Return the votes that each remaining option gains."""
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
        return gains

    def weakest(self) -> tuple[list[str], str, TieRule | None]:
        """Return the options with the fewest votes, the one to eliminate, and the rule that chose it.

        The rule is None without a tie. The module's docstring describes the rules.
        """
        fewest = min(self.votes.values())
        tied = [code for code, votes in self.votes.items() if votes == fewest]
        weakest = tied
        for votes in reversed(self._earlier_rounds):
            if len(weakest) == 1:
                break
            fewest = min(votes[code] for code in weakest)
            weakest = [code for code in weakest if votes[code] == fewest]
        if len(tied) == 1:
            return tied, tied[0], None
        if len(weakest) == 1:
            return tied, weakest[0], TieRule.EARLIER_ROUND
        return tied, min(weakest, key=self._lot), TieRule.LOT
