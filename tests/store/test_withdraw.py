"""Taking a vote back, on the real server."""

from __future__ import annotations

import pytest
from pollwire_server.domain.errors import PollNotFound, VoteNotFound
from pollwire_server.domain.poll import Kind, Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, outcomes_of, tally_of


async def test_withdrawal_lowers_totals_and_raises_seq(store: Store) -> None:
    record, voter = await made(store, kind=Kind.MULTIPLE, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "AB"), BallotInput(a_voter(), "B"))
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code, outcome.revision, outcome.seq) == (BallotStatus.WITHDRAWN, "", 2, 3)
    tally = await tally_of(store, record)
    assert (tally.voters, tally.seq, tally.counts) == (1, 3, {"A": 0, "B": 1})
    assert await store.ballots.current_vote(record, voter) is None


async def test_repeated_withdrawal_changes_nothing(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    first = await store.ballots.withdraw(record, voter, 1)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert await store.ballots.withdraw(record, voter, 1) == first
    assert (await tally_of(store, record)).voters == 0


async def test_vote_after_withdrawal_counts_with_higher_revision(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A", 0))
    await store.ballots.withdraw(record, voter)
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.STALE_REVISION]
    (again,) = await outcomes_of(store, record, BallotInput(voter, "B", 2))
    assert (again.status, again.code, again.revision, again.seq) == (BallotStatus.COUNTED, "B", 3, 3)
    assert (await tally_of(store, record)).voters == 1


async def test_withdrawal_without_vote_raises_vote_not_found(store: Store) -> None:
    record = await made(store, revote=Revote.WITHDRAW)
    with pytest.raises(VoteNotFound):
        await store.ballots.withdraw(record, a_voter())


@pytest.mark.parametrize("revote", [Revote.NEVER, Revote.CHANGE])
async def test_withdrawal_is_rejected_without_withdraw_policy(store: Store, revote: Revote) -> None:
    record, voter = await made(store, revote=revote), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code) == (BallotStatus.ALREADY_VOTED, "A")
    assert (await tally_of(store, record)).voters == 1


async def test_withdrawal_with_stale_revision_is_rejected(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    outcome = await store.ballots.withdraw(record, voter, 1)
    assert (outcome.status, outcome.code, outcome.revision) == (BallotStatus.STALE_REVISION, "B", 2)


async def test_withdrawal_from_closed_poll_is_rejected(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code) == (BallotStatus.CLOSED, "A")


async def test_vote_of_deleted_poll_raises_poll_not_found(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.polls.delete(record.poll.id)
    await store.polls.create(record.poll, "digest")
    with pytest.raises(PollNotFound):
        await store.ballots.withdraw(record, voter)
    with pytest.raises(PollNotFound):
        await store.ballots.current_vote(record, voter)


async def test_current_vote_has_time_and_revision(store: Store) -> None:
    record, voter = await made(store), a_voter()
    (counted,) = await outcomes_of(store, record, BallotInput(voter, "C"))
    await store.polls.edit(record, record.poll, assumes_unvoted=False)
    current = await store.ballots.current_vote(record, voter)
    assert current is not None
    assert (current.code, current.at, current.revision) == ("C", counted.at, 1)
    assert await store.ballots.current_vote(record, a_voter()) is None
