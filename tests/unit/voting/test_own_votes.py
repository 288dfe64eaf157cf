"""What a voter asks about a vote of their own, when the store is slow."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest
from pollwire_server.auth.issuers import IssuerTokenVerifier
from pollwire_server.auth.jwks import JwksCache
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.auth.voter_ids import voter_id_from_token
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.domain.poll import Revote
from pollwire_server.problem_details import HttpResponse
from pollwire_server.settings import Settings
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
"""Late, and in time for one call's own bound; two of them take longer than a voter should wait."""


class Voter(NamedTuple):
    """Somebody who has voted, at a store whose answers may be late."""

    own_votes: OwnVotes
    record: PollRecord
    lag: Lag
    authorization: bytes
    receipt: str

    async def ask(self, what: str) -> HttpResponse:
        """The answer to one of the three questions about one's own vote."""
        poll_id = self.record.poll.id
        mine = OwnVoteRequest(poll_id=poll_id, authorization=self.authorization)
        if what == "standing":
            return await self.own_votes.current(mine)
        if what == "withdraw":
            return await self.own_votes.withdraw(mine)
        body = msgspec.json.encode({"receipt": self.receipt})
        request = ReceiptRequest(poll_id=poll_id, content_type=b"application/json", body=body)
        return await self.own_votes.check_receipt(request)


async def voted(store: Store, lag: Lag) -> Voter:
    """A vote that stands, and who cast it."""
    tokens, receipts = VoterTokens(["s"], lambda: time.time_ns() // 1_000_000), Receipts(["s"])
    record, _ = await store.polls.create(a_poll(revote=Revote.WITHDRAW), "digest")
    token = tokens.issue().token.encode()
    known = tokens.verify(token)
    assert known is not None
    voter = voter_id_from_token(record.voter_key, known.id)
    (reply,) = await store.ballots.cast_many([(record, [BallotInput(voter, "A", None)])])
    assert not isinstance(reply, Exception)
    assert reply.outcomes is not None
    receipt = receipts.issue(receipts.template(record.poll.id, reply.epoch, reply.outcomes[0]), voter)
    own_votes = OwnVotes(
        polls=store.polls,
        ballots=store.ballots,
        voter_resolver=VoterResolver(tokens, IssuerTokenVerifier(store.issuers, JwksCache())),
        receipts=receipts,
        origins=OriginPolicy(Settings()),
        vote_eraser=store.vote_eraser,
    )
    return Voter(own_votes, record, lag, b"Bearer " + token, receipt)


@pytest.fixture
async def voter(own_valkey: Valkey) -> AsyncIterator[Voter]:
    """Somebody who has voted at a store that answers at once, for now."""
    async with lagging(own_valkey) as (url, lag):
        store = await open_store(url)
        yield await voted(store, lag)
        await store.close()


@pytest.mark.parametrize("what", ["standing", "receipt", "withdraw"])
async def test_two_slow_calls_are_one_refusal_in_time(voter: Voter, what: str) -> None:
    """A quick store answers; one so slow that two calls take over a second is 503 before that."""
    if what != "withdraw":
        assert (await voter.ask(what)).status == 200
    voter.lag.seconds = LAG_S
    began = time.monotonic()
    answer = await voter.ask(what)
    assert time.monotonic() - began < 1
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"1")


async def test_one_slow_call_is_waited_for(voter: Voter) -> None:
    """A store that takes half as long is slow, and answers."""
    voter.lag.seconds = LAG_S / 2
    assert (await voter.ask("standing")).status == 200
