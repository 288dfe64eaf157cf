"""The desk judges by what it remembers, refuses only by what it has just read, and always answers.

Two stores over one namespace stand for two processes: what one edits, the
other learns only when it reads again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.problem_details import HttpResponse
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballot_errors import MAX_RELOADS
from pollwire_server.store.votes.ballots import BallotInput, CastReply
from pollwire_server.voting import vote_service as dealing
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
    """A way to the store on which every vote finds its poll edited since."""

    def __init__(self) -> None:
        self.calls = 0

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Judged by a version that no longer stands; nothing was written."""
        self.calls += 1
        return [CastReply(0, "", None) for _ in batches]


class Voter:
    """Somebody at a desk, and the answers they got."""

    def __init__(self, store: Store, ballots: BallotStore | None = None) -> None:
        self.vote_service = VoteService(
            polls=store.polls,
            batcher=VoteBatcher(ballots or store.ballots),
            voter_resolver=VoterResolver(TOKENS, IssuerTokenVerifier(store.issuers, JwksCache())),
            receipts=Receipts(["s"]),
            origins=OriginPolicy(Settings()),
        )
        self.token = TOKENS.issue().token
        self.answers: list[HttpResponse] = []

    def say(self, poll: str, choice: str, token: str | None = None) -> None:
        """Hand a vote in."""
        request = VoteRequest(
            poll_id=poll,
            authorization=f"Bearer {token or self.token}".encode(),
            content_type=b"application/json",
            body=msgspec.json.encode({"choice": choice}),
        )
        self.vote_service.cast(request, self.answers.append)

    async def vote(self, poll: str, choice: str, token: str | None = None) -> tuple[int, Any]:
        """Hand a vote in and wait: status, and what it says."""
        awaited = len(self.answers) + 1
        self.say(poll, choice, token)
        await until(lambda: len(self.answers) == awaited)
        answer = self.answers[-1]
        document = msgspec.json.decode(answer.body)
        return answer.status, document.get("status" if answer.status == 200 else "type")


@pytest.fixture
async def elsewhere(valkey: Valkey, store: Store) -> AsyncIterator[Store]:
    """Another process's store, of the same polls."""
    opened = await open_store(valkey.url, namespace=store.connection.namespace)
    yield opened
    await opened.close()


async def kept(store: Store, **changes: Any) -> Poll:  # Any: a poll's own fields
    """A poll that this process holds."""
    poll = a_poll(**changes)
    await store.polls.create(poll, poll.id)
    assert store.polls.cached(poll.id) is not None
    return poll


async def test_a_remembered_poll_is_judged_without_reading_it(store: Store) -> None:
    """The vote is on its way when the call returns, with no task made for it."""
    poll = await kept(store)
    voter = Voter(store)
    voter.say(poll.id, "npp")
    assert not voter.vote_service._reload_tasks
    await until(lambda: voter.answers)
    assert voter.answers[0].status == 200


async def test_a_poll_closed_elsewhere_is_closed_here(store: Store, elsewhere: Store) -> None:
    """The store tells that the remembered version is stale; the vote is judged anew, and refused by fact."""
    poll = await kept(store)
    await elsewhere.polls.act(poll.id, LifecycleAction.CLOSE)
    assert await Voter(store).vote(poll.id, "npp") == (403, "/problems/poll-closed")


async def test_an_option_added_elsewhere_can_be_voted_for_here(store: Store, elsewhere: Store) -> None:
    """A choice that the remembered poll does not know is looked up before it is refused."""
    poll = await kept(store)
    record = await elsewhere.polls.get(poll.id)
    wider = options("npp", "ndc", "other", "cpp")
    after = msgspec.structs.replace(record.poll, options=wider, version=record.poll.version + 1)
    await elsewhere.polls.edit(record, after, assumes_unvoted=False)
    voter = Voter(store)
    assert await voter.vote(poll.id, "cpp") == (200, "counted")
    assert await voter.vote(poll.id, "nobody") == (422, "/problems/invalid-choice")


async def test_a_poll_deleted_elsewhere_is_gone_here(store: Store, elsewhere: Store) -> None:
    """404 comes first, also to a bad token, though this process still remembers the poll."""
    first, second = await kept(store), await kept(store)
    for poll in (first, second):
        await elsewhere.polls.delete(poll.id)
    assert await Voter(store).vote(first.id, "npp") == (404, "/problems/poll-not-found")
    assert await Voter(store).vote(second.id, "npp", "bad") == (404, "/problems/poll-not-found")


async def test_a_poll_made_elsewhere_is_found_here(store: Store, elsewhere: Store) -> None:
    """A poll that nobody here has read yet is read, and the vote counts."""
    poll = a_poll()
    await elsewhere.polls.create(poll, poll.id)
    assert store.polls.cached(poll.id) is None
    assert await Voter(store).vote(poll.id, "npp") == (200, "counted")


async def test_a_poll_that_never_stands_still_is_given_up(store: Store) -> None:
    """Edited again at every attempt, the vote is told to come back after a few, and not tried for ever."""
    poll = await kept(store)
    staleness = Staleness()
    assert await Voter(store, staleness).vote(poll.id, "npp") == (503, "/problems/overloaded")
    assert staleness.calls == MAX_RELOADS + 1


async def test_a_read_that_hangs_is_answered_by_the_deadline(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time a poll takes to be read is part of the vote's own; the late read answers nobody twice."""
    monkeypatch.setattr(dealing, "DEADLINE_S", 0.05)
    store = await open_store(own_valkey.url)
    voter = Voter(store)
    with own_valkey.paused():
        begun = time.monotonic()
        assert await voter.vote("unknown", "npp") == (503, "/problems/store-unavailable")
        assert time.monotonic() - begun < 0.5
    await until(lambda: not voter.vote_service._reload_tasks)
    assert len(voter.answers) == 1
    await store.close()


async def test_the_hour_of_appearance_is_the_store_s(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll whose hour has come by the store's clock can be voted in, though this machine's is behind."""
    come = await kept(store, visible_at=1_700_000_000_001)
    not_come = await kept(store, visible_at=FAR_OFF)
    monkeypatch.setattr(dealing, "_wall_clock", lambda: 0)
    assert await Voter(store).vote(come.id, "npp") == (200, "counted")
    assert await Voter(store).vote(not_come.id, "npp") == (404, "/problems/poll-not-found")


async def test_more_than_can_wait_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 ``overloaded`` with ``Retry-After`` for a vote too many, when others were dealt with."""
    monkeypatch.setattr("pollwire_server.voting.vote_batcher.MAX_QUEUED", 1)
    poll = await kept(store)
    voter = Voter(store)
    voter.say(poll.id, "npp")
    voter.say(poll.id, "npp")
    assert voter.answers == []
    await until(lambda: len(voter.answers) == 2)
    assert [answer.status for answer in voter.answers] == [200, 503]
    assert (b"retry-after", b"1") in voter.answers[1].headers
