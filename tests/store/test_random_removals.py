"""Random histories of votes, withdrawals, purges and erasures: the totals equal the remaining votes."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.domain.errors import PhaseConflict, VoteNotFound
from pollwire_server.domain.poll import Kind, Revote
from pollwire_server.domain.recount import recount_of
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import TAGS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput
from pollwire_server.store.votes.purges import PurgeSelector
from pollwire_server.store.votes.vote_erasure import ErasureResult

from tests.factories import FAR_OFF
from tests.store.ballot_helpers import made, outcomes_of, stored_ballots, tally_of
from tests.valkey import Valkey

VOTERS = [bytes([number]) * 16 for number in (0, 1, 2, 17, 254, 255)]
TAGS_MET = [b"", b"home", b"schl"]
voters = st.sampled_from(VOTERS)
ballots = st.builds(
    BallotInput, voters, st.sampled_from("ABC"), st.none(), st.just(b""), st.sampled_from(TAGS_MET)
)
casting = st.tuples(st.just("cast"), st.lists(ballots, min_size=1, max_size=6))
steps = st.one_of(
    casting,
    casting,
    st.tuples(st.just("withdraw"), voters),
    st.tuples(st.just("tag"), st.sampled_from(TAGS_MET[1:])),
    st.tuples(st.just("since"), st.integers(0, 5)),
    st.tuples(st.just("erase"), voters),
    st.tuples(st.just("leave"), voters),
    st.tuples(st.just("act"), st.sampled_from([LifecycleAction.CLOSE, LifecycleAction.REOPEN])),
)


class Vote(NamedTuple):
    """One vote of the model."""

    code: str
    tag: bytes
    at: int


class Model:
    """A model of the votes. Votes of erased voters (``ghosts``) still count."""

    def __init__(self) -> None:
        self.votes: dict[bytes, Vote] = {}
        self.ghosts: list[Vote] = []
        self.is_open = True
        self.seq = 0
        self.instants: list[int] = []

    def cast(self, ballot: BallotInput, at: int) -> None:
        """Add or change a vote. A repeated vote changes nothing."""
        stored = self.votes.get(ballot.voter)
        if self.is_open and (stored is None or stored.code != ballot.code):
            self.votes[ballot.voter] = Vote(ballot.code, ballot.tag, at)
            self.instants.append(at)
            self.seq += 1

    def take(self, selector: PurgeSelector) -> int:
        """Remove the selected votes and return their number."""

        def fits(vote: Vote) -> bool:
            return selector.from_ms <= vote.at < selector.to_ms and selector.tag in (b"", vote.tag)

        removed = [voter for voter, vote in self.votes.items() if fits(vote)]
        for voter in removed:
            del self.votes[voter]
        ghosts = [vote for vote in self.ghosts if not fits(vote)]
        number = len(removed) + len(self.ghosts) - len(ghosts)
        self.ghosts, self.seq = ghosts, self.seq + number
        return number

    def drop(self, voter: bytes) -> bool:
        """Remove one vote. Return False if there is none."""
        if self.votes.pop(voter, None) is None:
            return False
        self.seq += 1
        return True

    def codes(self) -> Counter[str]:
        """Return the totals."""
        return Counter(vote.code for vote in (*self.votes.values(), *self.ghosts))


@settings(max_examples=40, deadline=None)
@given(history=st.lists(steps, min_size=1, max_size=16), kind=st.sampled_from([Kind.SINGLE, Kind.RANKED]))
def test_random_removals_match_model(valkey: Valkey, history: list[tuple[str, object]], kind: Kind) -> None:
    asyncio.run(live_through(valkey, history, kind))


async def live_through(valkey: Valkey, history: list[tuple[str, object]], kind: Kind) -> None:
    """Run the history on the store and on the model."""
    store, model = await open_store(valkey.url, namespace=f"t{secrets.token_hex(5)}"), Model()
    try:
        record = await made(store, kind=kind, revote=Revote.WITHDRAW, network_tags=True)
        for name, given in history:
            record = await step(store, record, model, name, given)
            await compare(store, record, model)
    finally:
        await store.close()


async def step(store: Store, record: PollRecord, model: Model, name: str, given: object) -> PollRecord:
    """Run one step of the history."""
    match name, given:
        case "cast", list(casts):
            for ballot, outcome in zip(casts, await outcomes_of(store, record, *casts), strict=True):
                model.cast(ballot, outcome.at)
        case "withdraw", bytes(voter):
            await withdraw(store, record, model, voter)
        case "tag", bytes(tag):
            await purge(store, record, model, PurgeSelector(tag=tag))
        case "since", int(place):
            since = model.instants[place] if place < len(model.instants) else 0
            await purge(store, record, model, PurgeSelector(since, FAR_OFF))
        case "erase", bytes(voter):
            what = await store.vote_eraser.erase(record, voter, by="ops")
            assert what is (ErasureResult.OUT if model.drop(voter) else ErasureResult.NOTHING)
            await check_forgotten(store, record, voter)
        case "leave", bytes(voter):
            await leave(store, record, model, voter)
        case "act", LifecycleAction() as act if model.is_open is (act is LifecycleAction.CLOSE):
            model.is_open = act is LifecycleAction.REOPEN
            return await store.polls.act(record.poll.id, act)
    return record


async def withdraw(store: Store, record: PollRecord, model: Model, voter: bytes) -> None:
    """Withdraw a vote if the poll is open and has one."""
    try:
        await store.ballots.withdraw(record, voter)
    except (VoteNotFound, PhaseConflict):
        assert voter not in model.votes
    if model.is_open:
        model.drop(voter)


async def purge(store: Store, record: PollRecord, model: Model, selector: PurgeSelector) -> None:
    """Check that a purge removes as many votes as from the model."""
    assert await store.purges.purge(record, selector, by="ops") == model.take(selector)


async def leave(store: Store, record: PollRecord, model: Model, voter: bytes) -> None:
    """Erase a voter's vote: it is removed while voting is open, and anonymous afterwards."""
    what = await store.vote_eraser.erase(record, voter)
    if model.is_open:
        assert what is (ErasureResult.OUT if model.drop(voter) else ErasureResult.NOTHING)
    elif voter in model.votes:
        assert what is ErasureResult.KEPT
        model.ghosts.append(model.votes.pop(voter)._replace(tag=b"anonymous"))
    await check_forgotten(store, record, voter)


async def check_forgotten(store: Store, record: PollRecord, voter: bytes) -> None:
    """Check that the store has neither ballot nor tag of the voter."""
    assert voter not in await stored_ballots(store, record)
    assert voter not in await store.connection.client.hgetall(record.keys[TAGS])


async def compare(store: Store, record: PollRecord, model: Model) -> None:
    """Compare the totals, the recount and the network tags with the model."""
    tally = await tally_of(store, record)
    assert {code: count for code, count in tally.counts.items() if count} == dict(model.codes())
    assert (tally.voters, tally.seq) == (model.codes().total(), model.seq)
    reading, codes = await store.recounts.recount(record.poll.id)
    assert recount_of(reading.record.poll, reading.tally, codes).matches
    assert codes == model.codes()
    tags = await store.connection.client.hgetall(record.keys[TAGS])
    assert tags == {voter: vote.tag for voter, vote in model.votes.items() if vote.tag}
