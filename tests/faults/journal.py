"""What a crowd of voters did and was told, kept outside the service, and checked against its totals."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loading import Answer, Unanswered, Wire, spread

CHOICES = ("npp", "ndc", "other")
POLL = {
    "id": "crowd",
    "kind": "single",
    "question": "Which team do you think has the higher chance of winning?",
    "options": [{"id": choice, "label": choice.upper()} for choice in CHOICES],
}


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

    async def cast(self, wire: Wire, ballot: Ballot) -> None:
        """Send one vote and write down what came of it; 503 and silence both mean: may be sent again."""
        path, key = f"/v1/polls/{POLL['id']}/votes", {"Authorization": f"Bearer {ballot.voter}"}
        try:
            answer = await wire.ask("POST", path, {"choice": ballot.choice}, key)
        except Unanswered:
            self.unanswered.append(ballot)
            return
        if answer.status == 503:
            self.unanswered.append(ballot)
        else:
            self.answers.append((ballot, answer))

    async def cast_again_until_answered(self, over: Sequence[Wire], within_s: float = 20.0) -> None:
        """Retry whatever has no answer, as often as it takes."""
        async with asyncio.timeout(within_s):
            while self.unanswered:
                again, self.unanswered = self.unanswered, []
                await spread(again, list(over), self.cast)

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
                assert (
                    choices.setdefault(ballot.voter, answer.document["choice"]) == answer.document["choice"]
                )
        return choices


async def voters(over: list[Wire], count: int) -> list[str]:
    """Tokens of ``count`` new voters."""
    tokens: list[str] = []

    async def register(wire: Wire, _: int) -> None:
        answer = await wire.ask("POST", "/v1/voters")
        assert answer.status == 201, answer
        tokens.append(answer.document["token"])

    await spread(range(count), over, register)
    return tokens
