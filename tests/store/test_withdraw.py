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


async def test_a_vote_taken_back_counts_no_more(store: Store) -> None:
    """Every total goes back by the vote, seq goes on, and no choice stands."""
    record, voter = await made(store, kind=Kind.MULTIPLE, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "AB"), BallotInput(a_voter(), "B"))
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code, outcome.revision, outcome.seq) == (BallotStatus.WITHDRAWN, "", 2, 3)
    tally = await tally_of(store, record)
    assert (tally.voters, tally.seq, tally.counts) == (1, 3, {"A": 0, "B": 1})
    assert await store.ballots.current_vote(record, voter) is None


async def test_a_withdrawal_again(store: Store) -> None:
    """A repeat answers the same and counts nothing, also after the poll has closed."""
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    first = await store.ballots.withdraw(record, voter, 1)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert await store.ballots.withdraw(record, voter, 1) == first
    assert (await tally_of(store, record)).voters == 0


async def test_a_vote_after_a_withdrawal(store: Store) -> None:
    """The voter counts again, and the revision has grown, so a late retry of the first vote stays late."""
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A", 0))
    await store.ballots.withdraw(record, voter)
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.STALE_REVISION]
    (again,) = await outcomes_of(store, record, BallotInput(voter, "B", 2))
    assert (again.status, again.code, again.revision, again.seq) == (BallotStatus.COUNTED, "B", 3, 3)
    assert (await tally_of(store, record)).voters == 1


async def test_nothing_to_take_back(store: Store) -> None:
    """Somebody who never voted has nothing to take back."""
    record = await made(store, revote=Revote.WITHDRAW)
    with pytest.raises(VoteNotFound):
        await store.ballots.withdraw(record, a_voter())


@pytest.mark.parametrize("revote", [Revote.NEVER, Revote.CHANGE])
async def test_where_nobody_takes_back(store: Store, revote: Revote) -> None:
    """Where the poll does not allow it, the vote stands."""
    record, voter = await made(store, revote=revote), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code) == (BallotStatus.ALREADY_VOTED, "A")
    assert (await tally_of(store, record)).voters == 1


async def test_a_withdrawal_that_names_an_older_revision(store: Store) -> None:
    """A late withdrawal does not undo a newer choice."""
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    outcome = await store.ballots.withdraw(record, voter, 1)
    assert (outcome.status, outcome.code, outcome.revision) == (BallotStatus.STALE_REVISION, "B", 2)


async def test_a_withdrawal_after_the_window(store: Store) -> None:
    """Once closed, votes stand."""
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    outcome = await store.ballots.withdraw(record, voter)
    assert (outcome.status, outcome.code) == (BallotStatus.CLOSED, "A")


async def test_a_vote_of_a_poll_that_is_gone(store: Store) -> None:
    """Neither a deleted poll nor another one under its id answers for a voter of the first."""
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.polls.delete(record.poll.id)
    await store.polls.create(record.poll, "digest")
    with pytest.raises(PollNotFound):
        await store.ballots.withdraw(record, voter)
    with pytest.raises(PollNotFound):
        await store.ballots.current_vote(record, voter)


async def test_the_standing_choice(store: Store) -> None:
    """A voter's choice is found with its instant and revision, at any version of the poll."""
    record, voter = await made(store), a_voter()
    (counted,) = await outcomes_of(store, record, BallotInput(voter, "C"))
    await store.polls.edit(record, record.poll, assumes_unvoted=False)
    standing = await store.ballots.current_vote(record, voter)
    assert standing is not None
    assert (standing.code, standing.at, standing.revision) == ("C", counted.at, 1)
    assert await store.ballots.current_vote(record, a_voter()) is None
