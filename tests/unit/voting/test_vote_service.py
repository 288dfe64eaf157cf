"""Tests of the vote service: it rejects only after a fresh read of the poll, and always responds.

Two stores over one namespace represent two processes. One sees an edit of the other only when it reads again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballot_errors import MAX_RELOADS
from pollwire_server.store.votes.ballots import BallotInput, CastReply
from pollwire_server.voting import vote_service
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.requests import VoteRequest
from pollwire_server.voting.vote_batcher import BallotStore, VoteBatcher
from pollwire_server.voting.vote_service import VoteService
from pollwire_server.voting.voter_resolver import VoterResolver

from tests.factories import FAR_OFF, a_poll, options
from tests.valkey import Valkey
from tests.wait import until

TOKENS = VoterTokens(["s"], lambda: time.time_ns() // 1_000_000)


class Staleness:
    """Store that reports every vote as stale."""

    def __init__(self) -> None:
        self.calls = 0

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Return stale replies without writing anything."""
        self.calls += 1
        return [CastReply(0, "", None) for _ in batches]


class Voter:
    """Client of a vote service, with the responses it received."""

    def __init__(self, store: Store, ballots: BallotStore | None = None) -> None:
        self.vote_service = VoteService(
            polls=store.polls,
            batcher=VoteBatcher(ballots or store.ballots),
            voter_resolver=VoterResolver(TOKENS, IssuerTokenVerifier(store.issuers, JwksCache())),
            receipts=Receipts(["s"]),
        )
        self.token = TOKENS.issue().token
        self.responses: list[HttpResponse] = []

    def send(self, poll: str, choice: str, token: str | None = None) -> None:
        """Cast a vote without waiting for its response."""
        request = VoteRequest(
            poll_id=poll,
            authorization=f"Bearer {token or self.token}".encode(),
            content_type=b"application/json",
            body=msgspec.json.encode({"choice": choice}),
        )
        self.vote_service.cast(request, self.responses.append)

    async def vote(self, poll: str, choice: str, token: str | None = None) -> tuple[int, Any]:
        """Cast a vote and return its status code and its status or problem type."""
        awaited = len(self.responses) + 1
        self.send(poll, choice, token)
        await until(lambda: len(self.responses) == awaited)
        response = self.responses[-1]
        document = msgspec.json.decode(response.body)
        return response.status, document.get("status" if response.status == 200 else "type")


@pytest.fixture
async def other_process(valkey: Valkey, store: Store) -> AsyncIterator[Store]:
    """Store of another process with the same polls."""
    opened = await open_store(valkey.url, namespace=store.connection.namespace)
    yield opened
    await opened.close()


async def cached_poll(store: Store, **changes: Any) -> Poll:  # Any: fields of a poll
    """Create a poll that is in this process's cache."""
    poll = a_poll(**changes)
    await store.polls.create(poll, poll.id)
    assert store.polls.cached(poll.id) is not None
    return poll


async def test_cast_cached_poll_needs_no_read(store: Store) -> None:
    poll = await cached_poll(store)
    voter = Voter(store)
    voter.send(poll.id, "npp")
    assert not voter.vote_service._reload_tasks
    await until(lambda: voter.responses)
    assert voter.responses[0].status == 200


async def test_cast_poll_closed_by_another_process_is_rejected(store: Store, other_process: Store) -> None:
    poll = await cached_poll(store)
    await other_process.polls.act(poll.id, LifecycleAction.CLOSE)
    assert await Voter(store).vote(poll.id, "npp") == (403, "/problems/poll-closed")


async def test_cast_option_added_by_another_process_is_counted(store: Store, other_process: Store) -> None:
    poll = await cached_poll(store)
    record = await other_process.polls.get(poll.id)
    wider = options("npp", "ndc", "other", "cpp")
    after = msgspec.structs.replace(record.poll, options=wider, version=record.poll.version + 1)
    await other_process.polls.edit(record, after, assumes_unvoted=False)
    voter = Voter(store)
    assert await voter.vote(poll.id, "cpp") == (200, "counted")
    assert await voter.vote(poll.id, "unknown") == (422, "/problems/invalid-choice")


async def test_cast_poll_deleted_by_another_process_returns_404(store: Store, other_process: Store) -> None:
    """404 comes before 401, although the poll is still in the cache."""
    first, second = await cached_poll(store), await cached_poll(store)
    for poll in (first, second):
        await other_process.polls.delete(poll.id)
    assert await Voter(store).vote(first.id, "npp") == (404, "/problems/poll-not-found")
    assert await Voter(store).vote(second.id, "npp", "bad") == (404, "/problems/poll-not-found")


async def test_cast_poll_created_by_another_process_is_counted(store: Store, other_process: Store) -> None:
    poll = a_poll()
    await other_process.polls.create(poll, poll.id)
    assert store.polls.cached(poll.id) is None
    assert await Voter(store).vote(poll.id, "npp") == (200, "counted")


async def test_cast_poll_edited_at_every_attempt_returns_503(store: Store) -> None:
    poll = await cached_poll(store)
    staleness = Staleness()
    assert await Voter(store, staleness).vote(poll.id, "npp") == (503, "/problems/overloaded")
    assert staleness.calls == MAX_RELOADS + 1


async def test_cast_hanging_read_returns_503_by_the_deadline(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_service, "DEADLINE_S", 0.05)
    store = await open_store(own_valkey.url)
    voter = Voter(store)
    with own_valkey.paused():
        begun = time.monotonic()
        assert await voter.vote("unknown", "npp") == (503, "/problems/store-unavailable")
        assert time.monotonic() - begun < 0.5
    await until(lambda: not voter.vote_service._reload_tasks)
    assert len(voter.responses) == 1
    await store.close()


async def test_cast_visible_at_is_checked_by_the_store_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    visible = await cached_poll(store, visible_at=1_700_000_000_001)
    hidden = await cached_poll(store, visible_at=FAR_OFF)
    monkeypatch.setattr(vote_service, "_wall_clock", lambda: 0)
    assert await Voter(store).vote(visible.id, "npp") == (200, "counted")
    assert await Voter(store).vote(hidden.id, "npp") == (404, "/problems/poll-not-found")


async def test_cast_full_queue_returns_503_with_retry_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwire_server.voting.vote_batcher.MAX_QUEUED", 1)
    poll = await cached_poll(store)
    voter = Voter(store)
    voter.send(poll.id, "npp")
    voter.send(poll.id, "npp")
    assert voter.responses == []
    await until(lambda: len(voter.responses) == 2)
    assert [response.status for response in voter.responses] == [200, 503]
    assert (b"retry-after", b"1") in voter.responses[1].headers
