"""Voters during a fault, and the check at its end.

Every voter sends the same vote until its response is final, as the widget
does. The journal records the responses. The totals of the service and the last
frames of the readers have to agree with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import httpx
from pollwire_server.auth.voter_tokens import VoterTokens

from tests.faults.journal import AGAIN, CHOICES, POLL, Ballot, Journal
from tests.faults.scale import WITHIN_S
from tests.faults.stream_checker import Watcher, watched
from tests.http_load import LoadConnection, load_connections, spread
from tests.pollwire_process import Up
from tests.wait import until

CONNECTIONS = 64


class FaultResult(NamedTuple):
    """The outcome of a fault. ``lost`` and ``doubled`` votes have to be 0."""

    fault: str
    rounds: int
    answered: int
    again: int
    """The number of responses that ask for a retry, and of requests without a response."""
    lost: int
    doubled: int
    fell: int
    """Frames older than the one before them."""
    worst_gap_s: float


class Crowd:
    """The voters and readers of the poll ``crowd`` of one service, and the voters' journal."""

    def __init__(self, up: Up, secret: str, over: list[LoadConnection], watchers: list[Watcher]) -> None:
        self.up = up
        self.journal = Journal()
        self.watchers = watchers
        self.rounds = 0
        self._over = over
        self._chance = random.Random(9)
        self._tokens = VoterTokens([secret], lambda: time.time_ns() // 1_000_000)

    def ballots(self, count: int) -> list[Ballot]:
        """Return the votes of ``count`` new voters."""
        return [Ballot(self._tokens.issue().token, self._chance.choice(CHOICES)) for _ in range(count)]

    @property
    def answered(self) -> int:
        """Return the number of votes with a final response."""
        return len(self.journal.answers)

    async def round(self, count: int, harm: Callable[[], Awaitable[None]]) -> None:
        """Send the votes of ``count`` new voters, and more for as long as ``harm`` runs."""
        self.rounds += 1
        begun = self.answered
        voting = asyncio.create_task(self.vote(self.ballots(count)))
        harming: asyncio.Future[None] | None = None
        try:
            await until(lambda: voting.done() or self.answered >= begun + count // 4, WITHIN_S)
            assert not voting.done(), "the crowd was done before the harm"
            harming = asyncio.ensure_future(harm())
            await asyncio.gather(harming, voting, self._go_on(voting, harming))
        finally:
            voting.cancel()
            if harming is not None:
                harming.cancel()

    async def _go_on(self, voting: asyncio.Future[None], harming: asyncio.Future[None]) -> None:
        """Send more votes after the first ones until ``harming`` is done."""
        await asyncio.wait({voting, harming}, return_when=asyncio.FIRST_COMPLETED)
        while not harming.done():
            await self.vote(self.ballots(CONNECTIONS))

    async def vote(self, ballots: list[Ballot]) -> None:
        """Send each ballot until its response is final."""
        await spread(ballots, self._over, self._cast)

    async def _cast(self, connection: LoadConnection, ballot: Ballot) -> None:
        await until(lambda: self.journal.cast(connection, ballot), WITHIN_S)

    async def result(self, fault: str) -> FaultResult:
        """Check the journal against the totals of the service and the last frames of the readers."""
        confirmed = Counter(self.journal.choices().values())
        for ballot, answer in self.journal.answers:
            assert answer.status == 200, answer
            assert answer.document["choice"] == ballot.choice, "a vote got another's answer"
        recounted = await self._read("POST", f"/v1/admin/polls/{POLL['id']}/recount")
        truth = await self._read("GET", f"/v1/polls/{POLL['id']}/results")
        assert recounted["matches"], recounted
        counts = truth["counts"]
        assert sum(counts.values()) == truth["voters"]
        await self._readers_end_on(truth["epoch"], truth["seq"], counts)
        return FaultResult(
            fault,
            self.rounds,
            answered=self.answered,
            again=len(self.journal.unanswered),
            lost=sum(max(0, confirmed[choice] - counts[choice]) for choice in CHOICES),
            doubled=sum(max(0, counts[choice] - confirmed[choice]) for choice in CHOICES),
            fell=sum(watcher.fell for watcher in self.watchers),
            worst_gap_s=self.journal.worst_gap_s(),
        )

    async def _read(self, method: str, path: str) -> dict[str, Any]:
        """Send a request until its response is final, because the fault may not be over yet."""
        answers: list[httpx.Response] = []
        async with self.up.client() as operator:

            async def is_final() -> bool:
                answers.append(await operator.request(method, path))
                return answers[-1].status_code not in AGAIN

            await until(is_final, within_s=15)
        assert answers[-1].status_code == 200, answers[-1].text
        document: dict[str, Any] = answers[-1].json()
        return document

    async def _readers_end_on(self, epoch: str, seq: int, counts: dict[str, int]) -> None:
        await until(lambda: all(watcher.position == (epoch, seq) for watcher in self.watchers), within_s=15)
        assert all(watcher.latest["counts"] == counts for watcher in self.watchers)

    def check_seqs_differ(self) -> None:
        """Check that all ``seq`` differ. Two equal ones mean that a vote got the reply of another."""
        seqs = [document["seq"] for _, document in self.journal.responses_with("counted")]
        assert len(set(seqs)) == len(seqs)


@contextlib.asynccontextmanager
async def gathered(up: Up, secret: str, *, connections: int = CONNECTIONS) -> AsyncIterator[Crowd]:
    """Return a crowd with three readers at a service in which ``POLL`` is open."""
    async with (
        load_connections(up.address, connections) as over,
        watched(up.url, str(POLL["id"])) as watchers,
    ):
        await until(lambda: all(watcher.latest for watcher in watchers), within_s=15)
        yield Crowd(up, secret, over, watchers)
