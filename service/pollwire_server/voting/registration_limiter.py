"""Rate limiter for new voters of a network. Beyond the limit, a client solves a challenge or waits.

Votes are limited when they are counted (``cast``). Tokens are limited here, before they are issued. The limit
applies to one network, across all workers, and is kept in the store. A client with a valid token stays the
same voter and is not limited. Without a configured limit, no request is limited.

Registrations are batched like votes (see ``vote_batcher``): one call to the store is in flight while the next
batch collects. While the store is unavailable, no new voter is registered. A token could not be used then,
and an outage would be a chance to collect tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.network_tags import rate_limit_tag, tag_of
from pollwire_server.domain.errors import ChallengeRequired, Overloaded, PollwireError, RateLimited
from pollwire_server.domain.rate_limit import RateLimit, whole_seconds
from pollwire_server.problem_details import to_pollwire_error
from pollwire_server.store.rate_limits import RateLimitRequest
from pollwire_server.voting.proof_of_work import ProofOfWork

log = logging.getLogger("pollwire.voting")

MAX_QUEUED: Final = 10_000
POLICY: Final = "voters"

OnDecision = Callable[[PollwireError | None], None]
"""Called once with None or the error, perhaps before ``check`` returns."""

_PendingRequest = tuple[RateLimitRequest, bytes, OnDecision]
"""The request, the network for which a challenge would be created, and the callback."""


class RateLimitStore(Protocol):
    """Interface of the store for rate limits (``store.rate_limits``)."""

    async def acquire_many(self, limit: RateLimit, requests: Sequence[RateLimitRequest]) -> list[int]:
        """Return, for each request, 0 if it is within the limit, or else the time to wait in milliseconds."""


class RegistrationLimiter:
    """Rate limiter for registrations. For one event loop."""

    def __init__(
        self,
        limit: RateLimit | None,
        key: bytes,
        store: RateLimitStore,
        challenges: ProofOfWork | None = None,
    ) -> None:
        self._limit = limit
        self._key = key
        self._store = store
        self._challenges = challenges
        self._pending: list[_PendingRequest] = []
        self._runner: asyncio.Task[None] | None = None
        self._check_tasks: set[asyncio.Task[None]] = set()

    def check(self, client: ClientAddress, solution: str | None, on_decision: OnDecision) -> None:
        """Decide whether a new voter may register from the client's network. Never raises and never waits."""
        tag = rate_limit_tag(self._limit, self._key, client)
        if not tag:
            on_decision(None)
        elif solution is None or self._challenges is None:
            request = RateLimitRequest(tag, gets_challenge=self._challenges is not None)
            self._submit(request, self._network_of(client), on_decision)
        else:
            task = asyncio.get_running_loop().create_task(
                self._check(self._challenges, solution, tag, self._network_of(client), on_decision)
            )
            self._check_tasks.add(task)  # the event loop keeps only a weak reference
            task.add_done_callback(self._check_tasks.discard)

    def _network_of(self, client: ClientAddress) -> bytes:
        """Return the tag of the network for challenges. All clients without an address have the same."""
        return tag_of(self._key, client.network)

    async def _check(
        self, challenges: ProofOfWork, solution: str, tag: bytes, network: bytes, on_decision: OnDecision
    ) -> None:
        try:
            paid_debt = await challenges.verify(solution, network)
        except Exception as failure:
            on_decision(to_pollwire_error(failure))
        else:
            self._submit(RateLimitRequest(tag, paid_debt), network, on_decision)

    def _submit(self, request: RateLimitRequest, network: bytes, on_decision: OnDecision) -> None:
        if len(self._pending) >= MAX_QUEUED:
            on_decision(Overloaded())
            return
        self._pending.append((request, network, on_decision))
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run(), name="new voters")

    async def _run(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                await self._decide(batch)
        finally:
            self._runner = None

    async def _decide(self, batch: list[_PendingRequest]) -> None:
        assert self._limit is not None
        try:
            waits = await self._store.acquire_many(self._limit, [request for request, _, _ in batch])
        except Exception as failure:
            error = to_pollwire_error(failure)
            queued, self._pending = self._pending, []  # they would wait for the same store
            _notify((on_decision, error) for _, _, on_decision in (*batch, *queued))
        else:
            _notify(
                (on_decision, self._error(wait_ms, network, self._limit) if wait_ms else None)
                for (_, network, on_decision), wait_ms in zip(batch, waits, strict=True)
            )

    def _error(self, wait_ms: int, network: bytes, limit: RateLimit) -> PollwireError:
        after_s = whole_seconds(wait_ms)
        if self._challenges is None:
            return RateLimited(after_s, POLICY, limit)
        excess = max(0, wait_ms - limit.interval_ms) / limit.period_ms
        challenge = self._challenges.create(excess, network)
        return ChallengeRequired(after_s, POLICY, limit, challenge)


def _notify(decisions: Iterable[tuple[OnDecision, PollwireError | None]]) -> None:
    """Call each callback. An exception in one must not prevent the others."""
    for on_decision, error in decisions:
        try:
            on_decision(error)
        except Exception:
            log.exception("Response to a registration failed")
