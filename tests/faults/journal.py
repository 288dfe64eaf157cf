"""What a crowd of voters did and was told, kept outside the service."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.http_load import Answer, Unanswered, Wire, spread

CHOICES = ("npp", "ndc", "other")
POLL = {
    "id": "crowd",
    "kind": "single",
    "question": "Which team do you think has the higher chance of winning?",
    "options": [{"id": choice, "label": choice.upper()} for choice in CHOICES],
}
AGAIN = (429, 503)
"""Answers that ask for the same request again."""


@dataclass(frozen=True)
class Ballot:
    """One vote to be cast: ``voter`` is a token."""

    voter: str
    choice: str


@dataclass
class Journal:
    """Every answer, by ballot; and what had none yet."""

    answers: list[tuple[Ballot, Answer]] = field(default_factory=list)
    unanswered: list[Ballot] = field(default_factory=list)
    """Each time that a vote was told to come back, or was told nothing."""
    answered_at: list[float] = field(default_factory=list)
    """When votes were answered 200, in seconds of the monotonic clock."""
    poll: str = "crowd"

    async def cast(self, wire: Wire, ballot: Ballot) -> bool:
        """Send one vote and write down what came of it; False: no answer that is final, so send it again."""
        path, key = f"/v1/polls/{self.poll}/votes", {"Authorization": f"Bearer {ballot.voter}"}
        try:
            answer = await wire.ask("POST", path, {"choice": ballot.choice}, key)
        except Unanswered:
            self.unanswered.append(ballot)
            return False
        if answer.status in AGAIN:
            self.unanswered.append(ballot)
            return False
        self.answers.append((ballot, answer))
        if answer.status == 200:
            self.answered_at.append(time.monotonic())
        return True

    def told(self, status: str) -> list[tuple[Ballot, dict[str, Any]]]:
        """The ballots answered 200 with this status, and the answers."""
        return [
            (ballot, answer.document)
            for ballot, answer in self.answers
            if answer.status == 200 and answer.document["status"] == status
        ]

    def refusals(self) -> Counter[str]:
        """How often each problem was answered, by the last part of its type."""
        return Counter(
            answer.document["type"].rpartition("/")[2] for _, answer in self.answers if answer.status != 200
        )

    def standing(self) -> dict[str, str]:
        """The choice that each voter was told stands; every later word about a voter must agree."""
        choices: dict[str, str] = {}
        for ballot, answer in self.answers:
            if answer.status == 200:
                choice = answer.document["choice"]
                assert choices.setdefault(ballot.voter, choice) == choice, "one voter was told two choices"
        return choices

    def worst_gap_s(self) -> float:
        """The longest time in which nobody's vote was answered 200, between the first and the last."""
        return max((after - before for before, after in itertools.pairwise(self.answered_at)), default=0.0)


async def voters(over: list[Wire], count: int) -> list[str]:
    """Tokens of ``count`` new voters."""
    tokens: list[str] = []

    async def register(wire: Wire, _: int) -> None:
        answer = await wire.ask("POST", "/v1/voters")
        assert answer.status == 201, answer
        tokens.append(answer.document["token"])

    await spread(range(count), over, register)
    return tokens
