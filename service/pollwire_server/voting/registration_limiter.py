"""New voters are let in at the rate that their network may have; beyond it, for work, or later.

Votes are limited where they are counted (``cast``). Tokens are limited here, before one is issued: for one
network, all workers together, in the store. Who comes with a good token stays the same voter and is not
asked; where nothing is limited nobody is.

New voters of one instant become one call to the store, like votes (``recorder``): one call is under way, one
gathers. While the store is away nobody new is let in: what a token is for could not be done either, and an
outage would be the hour to hoard tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.network_tags import rate_limit_tag
from pollwire_server.domain.errors import ChallengeRequired, Overloaded, PollwireError, RateLimited
from pollwire_server.domain.rate_limit import RateLimit, whole_seconds
from pollwire_server.problem_details import to_pollwire_error
from pollwire_server.store.rate_limits import RateLimitRequest
from pollwire_server.voting.proof_of_work import ProofOfWork

log = logging.getLogger("pollwire.limits")

MOST_WAITING: Final = 10_000
POLICY: Final = "voters"

OnDecision = Callable[[PollwireError | None], None]
"""Called once, perhaps before ``admit`` returns: None lets in."""


class RateLimitStore(Protocol):
    """What is needed of the store (``service.store.allowances.Allowances``)."""

    async def acquire_many(self, limit: RateLimit, takings: Sequence[RateLimitRequest]) -> list[int]:
        """For each, 0 where one was taken, else the ms to wait."""


class RegistrationLimiter:
    """Lets new voters in. For one event loop."""

    def __init__(
        self,
        limit: RateLimit | None,
        key: bytes,
        takes: RateLimitStore,
        challenges: ProofOfWork | None = None,
    ) -> None:
        self._limit = limit
        self._key = key
        self._takes = takes
        self._challenges = challenges
        self._gathering: list[tuple[RateLimitRequest, OnDecision]] = []
        self._runner: asyncio.Task[None] | None = None
        self._checking: set[asyncio.Task[None]] = set()

    def admit(self, client: ClientAddress, solution: str | None, told: OnDecision) -> None:
        """Tells whether a new voter may come in from where the client is. Never raises, never waits."""
        tag = rate_limit_tag(self._limit, self._key, client)
        if not tag:
            told(None)
        elif solution is None or self._challenges is None:
            self._ask(RateLimitRequest(tag), told)
        else:
            task = asyncio.get_running_loop().create_task(self._check(self._challenges, solution, tag, told))
            self._checking.add(task)  # the loop itself keeps no task alive
            task.add_done_callback(self._checking.discard)

    async def _check(self, challenges: ProofOfWork, solution: str, tag: bytes, told: OnDecision) -> None:
        try:
            await challenges.verify(solution)
        except Exception as failure:
            told(to_pollwire_error(failure))
        else:
            self._ask(RateLimitRequest(tag, is_forced=True), told)

    def _ask(self, taking: RateLimitRequest, told: OnDecision) -> None:
        if len(self._gathering) >= MOST_WAITING:
            told(Overloaded())
            return
        self._gathering.append((taking, told))
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run(), name="new voters")

    async def _run(self) -> None:
        try:
            while self._gathering:
                asked, self._gathering = self._gathering, []
                await self._take(asked)
        finally:
            self._runner = None

    async def _take(self, asked: list[tuple[RateLimitRequest, OnDecision]]) -> None:
        assert self._limit is not None
        try:
            waits = await self._takes.acquire_many(self._limit, [taking for taking, _ in asked])
        except Exception as failure:
            error = to_pollwire_error(failure)
            behind, self._gathering = self._gathering, []  # they would only wait for the same store
            _tell(((told, error) for _, told in (*asked, *behind)))
        else:
            refusals = [self._refusal(wait_ms, self._limit) if wait_ms else None for wait_ms in waits]
            _tell((told, refusal) for (_, told), refusal in zip(asked, refusals, strict=True))

    def _refusal(self, wait_ms: int, limit: RateLimit) -> PollwireError:
        after_s = whole_seconds(wait_ms)
        if self._challenges is None:
            return RateLimited(after_s, POLICY, limit)
        challenge = self._challenges.create(max(0, wait_ms - limit.interval_ms) / limit.period_ms)
        return ChallengeRequired(after_s, POLICY, limit, challenge)


def _tell(told: Iterable[tuple[OnDecision, PollwireError | None]]) -> None:
    """Each by itself: one whose answer fails must not cost the others theirs."""
    for tell, refusal in told:
        try:
            tell(refusal)
        except Exception:
            log.exception("a new voter could not be answered")
