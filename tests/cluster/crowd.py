"""Voters of several polls while the store changes, and the check of their responses."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from pollwire_server.auth.voter_tokens import VoterTokens

from tests.api.conftest import Service
from tests.faults.journal import CHOICES, POLL, Ballot, Journal
from tests.http_load import LoadConnection, load_connections
from tests.wait import until

WITHIN_S = 30.0
"""Longer than any vote takes here, including retries."""
_VOTERS_AT_A_TIME = 12
_BEFORE_AND_AFTER = 100
"""Votes that are counted before the fault, and again after it."""


class Crowd:
    """Voters that send the same vote until its response is final, and a journal of the responses."""

    def __init__(self, service: Service, polls: list[str], over: list[LoadConnection]) -> None:
        self.polls = polls
        self._service = service
        self._over = over
        self._journals = [Journal(poll=poll) for poll in polls]
        assert service.settings.secret is not None
        self._tokens = VoterTokens([service.settings.secret], lambda: time.time_ns() // 1_000_000)
        self._has_enough = False

    @property
    def answered(self) -> int:
        """Return the number of votes with a final response."""
        return sum(len(journal.answers) for journal in self._journals)

    @property
    def again(self) -> int:
        """Return the number of repeated requests."""
        return sum(len(journal.unanswered) for journal in self._journals)

    @property
    def worst_gap_s(self) -> float:
        """Return the longest time without a response to a vote of one of the polls."""
        return max(journal.worst_gap_s() for journal in self._journals)

    async def votes_while(self, harm: Callable[[], Awaitable[object]]) -> None:
        """Vote before, during and after the fault."""
        voting = asyncio.gather(
            *(self._vote(connection, number) for number, connection in enumerate(self._over))
        )
        try:
            await self._goes_on()
            await harm()
            await self._goes_on()
            self._has_enough = True
            await voting
        finally:
            voting.cancel()

    async def _goes_on(self) -> None:
        """Wait until this many more votes are counted, some of them in each poll."""
        before = [len(journal.answers) for journal in self._journals]
        enough = _BEFORE_AND_AFTER // len(self.polls)

        def have_voted() -> bool:
            return all(
                len(journal.answers) >= count + enough
                for journal, count in zip(self._journals, before, strict=True)
            )

        await until(have_voted, WITHIN_S)

    async def _vote(self, connection: LoadConnection, number: int) -> None:
        """Register voters one after another. Each votes in the next poll."""
        for place in itertools.count(number):
            if self._has_enough:
                return
            journal = self._journals[place % len(self.polls)]
            ballot = Ballot(self._tokens.issue().token, CHOICES[place % len(CHOICES)])
            await until(lambda: journal.cast(connection, ballot), WITHIN_S)  # noqa: B023  # awaited before the next turn

    async def verify(self) -> None:
        """Check that every answered vote counts once: totals and ballots equal the responses."""
        for journal in self._journals:
            for ballot, answer in journal.answers:
                assert answer.status == 200, answer
                assert answer.document["choice"] == ballot.choice, "a vote got another's answer"
            path = f"/v1/admin/polls/{journal.poll}/recount"
            recounted = await self._read(self._service.admin, "POST", path)
            assert recounted["matches"], recounted
            totals = await self._read(self._service.http, "GET", f"/v1/polls/{journal.poll}/results")
            confirmed = Counter(journal.choices().values())
            assert totals["counts"] == {choice: confirmed[choice] for choice in CHOICES}

    async def _read(self, client: httpx.AsyncClient, method: str, path: str) -> dict[str, object]:
        answer = await client.request(method, path)
        assert answer.status_code == 200, answer.text
        document: dict[str, object] = answer.json()
        return document


async def until_ready(service: Service) -> None:
    """Wait until the service has started and its store replies."""

    async def is_ready() -> bool:
        return bool((await service.http.get("/readyz")).json() == {"status": "ready", "degraded": False})

    await until(is_ready, WITHIN_S)


@asynccontextmanager
async def gathered(service: Service, polls: int = 6) -> AsyncIterator[Crowd]:
    """Return voters of this many new polls."""
    made = [(await service.create_poll(**{**POLL, "id": f"crowd-{place}"}))["id"] for place in range(polls)]
    address = urlsplit(service.url)
    assert address.hostname is not None
    assert address.port is not None
    async with load_connections((address.hostname, address.port), _VOTERS_AT_A_TIME) as over:
        yield Crowd(service, made, over)
