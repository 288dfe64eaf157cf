"""Tests of requests about the voter's own vote while the store is slow."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.voter_ids import voter_id_from_token
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.poll import Revote
from pollwire_server.problem_details import HttpResponse
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput
from pollwire_server.voting.own_votes import OwnVotes
from pollwire_server.voting.receipts import Receipts
from pollwire_server.voting.requests import OwnVoteRequest, ReceiptRequest
from pollwire_server.voting.voter_resolver import VoterResolver

from tests.factories import a_poll
from tests.slow_store import Lag, lagging
from tests.valkey import Valkey

LAG_S = 0.55
"""Within the timeout of one call. Two such calls exceed the deadline of a request."""


class Voter(NamedTuple):
    """Voter with a counted vote, and a store with an adjustable delay."""

    own_votes: OwnVotes
    record: PollRecord
    lag: Lag
    authorization: bytes
    receipt: str

    async def run_action(self, action: str) -> HttpResponse:
        """Send one of the three requests about the voter's own vote."""
        poll_id = self.record.poll.id
        mine = OwnVoteRequest(poll_id=poll_id, authorization=self.authorization)
        if action == "read":
            return await self.own_votes.current(mine)
        if action == "withdraw":
            return await self.own_votes.withdraw(mine)
        body = msgspec.json.encode({"receipt": self.receipt})
        request = ReceiptRequest(poll_id=poll_id, content_type=b"application/json", body=body)
        return await self.own_votes.check_receipt(request)


async def voted(store: Store, lag: Lag) -> Voter:
    """Cast a vote and return its voter."""
    tokens, receipts = VoterTokens(["s"], lambda: time.time_ns() // 1_000_000), Receipts(["s"])
    record, _ = await store.polls.create(a_poll(revote=Revote.WITHDRAW), "digest")
    token = tokens.issue().token.encode()
    verified = tokens.verify(token)
    assert verified is not None
    voter = voter_id_from_token(record.voter_key, verified.id)
    (reply,) = await store.ballots.cast_many([(record, [BallotInput(voter, "A", None)])])
    assert not isinstance(reply, Exception)
    assert reply.outcomes is not None
    receipt = receipts.issue(receipts.template(record.poll.id, reply.epoch, reply.outcomes[0]), voter)
    own_votes = OwnVotes(
        polls=store.polls,
        ballots=store.ballots,
        voter_resolver=VoterResolver(tokens, IssuerTokenVerifier(store.issuers, JwksCache())),
        receipts=receipts,
        vote_eraser=store.vote_eraser,
        results=store.results,
    )
    return Voter(own_votes, record, lag, b"Bearer " + token, receipt)


@pytest.fixture
async def voter(own_valkey: Valkey) -> AsyncIterator[Voter]:
    """Voter with a counted vote, at a store that is not delayed yet."""
    async with lagging(own_valkey) as (url, lag):
        store = await open_store(url)
        yield await voted(store, lag)
        await store.close()


@pytest.mark.parametrize("action", ["read", "receipt", "withdraw"])
async def test_own_vote_request_slow_store_returns_503_within_a_second(voter: Voter, action: str) -> None:
    """Each call alone is fast enough. Together they exceed the deadline of the request."""
    if action != "withdraw":
        assert (await voter.run_action(action)).status == 200
    voter.lag.seconds = LAG_S
    began = time.monotonic()
    response = await voter.run_action(action)
    assert time.monotonic() - began < 1
    assert (response.status, dict(response.headers)[b"retry-after"]) == (503, b"1")


async def test_own_vote_request_one_slow_call_succeeds(voter: Voter) -> None:
    voter.lag.seconds = LAG_S / 2
    assert (await voter.run_action("read")).status == 200
