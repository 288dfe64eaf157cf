"""The requests and responses of a crowd of voters, recorded outside the service."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.http_load import LoadConnection, LoadResponse, Unanswered, spread

CHOICES = ("npp", "ndc", "other")
POLL = {
    "id": "crowd",
    "kind": "single",
    "question": "Which team do you think has the higher chance of winning?",
    "options": [{"id": choice, "label": choice.upper()} for choice in CHOICES],
}
AGAIN = (429, 503)
"""The statuses that ask the client to repeat the request."""


@dataclass(frozen=True)
class Ballot:
    """One vote to send. ``voter`` is a token."""

    voter: str
    choice: str


@dataclass
class Journal:
    """All final responses with their ballots, and all requests without one."""

    answers: list[tuple[Ballot, LoadResponse]] = field(default_factory=list)
    unanswered: list[Ballot] = field(default_factory=list)
    """One entry for each response that asks for a retry, and for each request without a response."""
    answered_at: list[float] = field(default_factory=list)
    """The times of responses with status 200, in seconds of the monotonic clock."""
    poll: str = "crowd"

    async def cast(self, connection: LoadConnection, ballot: Ballot) -> bool:
        """Send one vote and record the response. Return False if it has to be sent again."""
        path, key = f"/v1/polls/{self.poll}/votes", {"Authorization": f"Bearer {ballot.voter}"}
        try:
            answer = await connection.send("POST", path, {"choice": ballot.choice}, key)
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

    def responses_with(self, status: str) -> list[tuple[Ballot, dict[str, Any]]]:
        """Return the ballots that got 200 with this status, and the responses."""
        return [
            (ballot, answer.document)
            for ballot, answer in self.answers
            if answer.status == 200 and answer.document["status"] == status
        ]

    def refusals(self) -> Counter[str]:
        """Return the number of responses for each problem, by the last part of its type."""
        return Counter(
            answer.document["type"].rpartition("/")[2] for _, answer in self.answers if answer.status != 200
        )

    def choices(self) -> dict[str, str]:
        """Return the confirmed choice of each voter. All responses to a voter must agree."""
        found: dict[str, str] = {}
        for ballot, answer in self.answers:
            if answer.status == 200:
                choice = answer.document["choice"]
                assert found.setdefault(ballot.voter, choice) == choice, "one voter got two choices"
        return found

    def worst_gap_s(self) -> float:
        """Return the longest time without a 200, between the first one and the last."""
        return max((after - before for before, after in itertools.pairwise(self.answered_at)), default=0.0)


async def voters(over: list[LoadConnection], count: int) -> list[str]:
    """Register ``count`` new voters and return their tokens."""
    tokens: list[str] = []

    async def register(connection: LoadConnection, _: int) -> None:
        answer = await connection.send("POST", "/v1/voters")
        assert answer.status == 201, answer
        tokens.append(answer.document["token"])

    await spread(range(count), over, register)
    return tokens
