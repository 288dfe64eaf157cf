"""Options with a capacity."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from pollwire_server.domain.errors import EditRefused
from pollwire_server.domain.poll import Identity, Kind, Option, Poll, Revote
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_poll, a_voter, options
from tests.store.ballot_helpers import DAY_MS, cast, made, outcomes_of, stored_ballots, tally_of


def bounded(**capacities: int) -> tuple[Option, ...]:
    """Create a poll with the options npp, ndc and other. The arguments are capacities."""
    return tuple(
        msgspec.structs.replace(option, capacity=capacities.get(option.id))
        for option in options("npp", "ndc", "other")
    )


async def with_capacity(record: PollRecord, store: Store, **capacities: int) -> PollRecord:
    """Edit the capacities of the poll and return it."""
    after: Poll = msgspec.structs.replace(
        record.poll, options=bounded(**capacities), version=record.poll.version + 1
    )
    return await store.polls.edit(record, after, assumes_unvoted=False)


async def test_full_option_rejects_further_voters(store: Store) -> None:
    record = await made(store, options=bounded(npp=2))
    casts = [BallotInput(a_voter(), "A") for _ in range(3)] + [BallotInput(a_voter(), "B")]
    outcomes = await outcomes_of(store, record, *casts)
    found = [(outcome.status, outcome.code, outcome.revision) for outcome in outcomes]
    assert found == [
        (BallotStatus.COUNTED, "A", 1),
        (BallotStatus.COUNTED, "A", 1),
        (BallotStatus.OPTION_FULL, "A", 0),
        (BallotStatus.COUNTED, "B", 1),
    ]
    assert (await tally_of(store, record)).counts == {"A": 2, "B": 1}
    assert len(await stored_ballots(store, record)) == 3


async def test_repeated_vote_for_full_option_is_unchanged(store: Store) -> None:
    record, voter = await made(store, options=bounded(npp=1)), a_voter()
    assert await cast(
        store, record, BallotInput(voter, "A"), BallotInput(voter, "A"), BallotInput(a_voter(), "A")
    ) == [
        BallotStatus.COUNTED,
        BallotStatus.UNCHANGED,
        BallotStatus.OPTION_FULL,
    ]


async def test_changed_vote_frees_capacity(store: Store) -> None:
    record = await made(store, options=bounded(npp=1, ndc=1), revote=Revote.CHANGE)
    first, second = a_voter(), a_voter()
    outcomes = await outcomes_of(
        store,
        record,
        *(
            BallotInput(first, "A"),
            BallotInput(second, "B"),
            BallotInput(first, "B"),
            BallotInput(first, "C"),
            BallotInput(second, "A"),
        ),
    )
    statuses = [outcome.status for outcome in outcomes]
    assert statuses[2:] == [BallotStatus.OPTION_FULL, BallotStatus.CHANGED, BallotStatus.CHANGED]
    assert (outcomes[2].code, outcomes[2].revision) == ("B", 1)
    assert (await tally_of(store, record)).counts == {"A": 1, "C": 1}


async def test_withdrawal_frees_capacity(store: Store) -> None:
    record = await made(store, options=bounded(npp=1), revote=Revote.WITHDRAW)
    first, second = a_voter(), a_voter()
    await cast(store, record, BallotInput(first, "A"))
    await store.ballots.withdraw(record, first)
    assert await cast(store, record, BallotInput(second, "A"), BallotInput(first, "A")) == [
        BallotStatus.COUNTED,
        BallotStatus.OPTION_FULL,
    ]


async def test_multiple_choice_is_rejected_for_one_full_option(store: Store) -> None:
    record = await made(store, kind=Kind.MULTIPLE, options=bounded(npp=1, ndc=2), revote=Revote.CHANGE)
    voter = a_voter()
    await cast(store, record, BallotInput(voter, "AB"))
    (refused,) = await outcomes_of(store, record, BallotInput(a_voter(), "AB"))
    assert (refused.status, refused.code) == (BallotStatus.OPTION_FULL, "A")
    assert await cast(store, record, BallotInput(voter, "ABC"), BallotInput(a_voter(), "BC")) == [
        BallotStatus.CHANGED,
        BallotStatus.COUNTED,
    ]
    assert (await tally_of(store, record)).counts == {"A": 1, "B": 2, "C": 2}


async def test_revision_is_checked_before_capacity(store: Store) -> None:
    record = await made(store, options=bounded(npp=1), revote=Revote.CHANGE)
    voter = a_voter()
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(voter, "B"))
    assert await cast(store, record, BallotInput(voter, "A", 7), BallotInput(voter, "A", 1)) == [
        BallotStatus.STALE_REVISION,
        BallotStatus.OPTION_FULL,
    ]
    never = await made(store, options=bounded(npp=1))
    await cast(store, never, BallotInput(a_voter(), "A"), BallotInput(voter, "B"))
    assert await cast(store, never, BallotInput(voter, "A")) == [BallotStatus.ALREADY_VOTED]


async def test_capacity_is_exact_under_concurrent_votes(store: Store) -> None:
    record = await made(store, options=bounded(npp=137))
    replies = await asyncio.gather(
        *(cast(store, record, *(BallotInput(a_voter(), "A") for _ in range(20))) for _ in range(50))
    )
    statuses = [status for reply in replies for status in reply]
    assert statuses.count(BallotStatus.COUNTED) == 137
    assert statuses.count(BallotStatus.OPTION_FULL) == 1000 - 137
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts, len(await stored_ballots(store, record))) == (137, {"A": 137}, 137)


async def test_expired_idempotency_key_for_full_option_leaves_old_vote(store: Store) -> None:
    record = await made(store, identity=Identity.OPEN, options=bounded(npp=1))
    key, long_ago = a_voter(), int(time.time() * 1000) - DAY_MS - 1000
    stored_ballot = (1).to_bytes(3, "big") + long_ago.to_bytes(6, "big") + b"A"
    await store.connection.client.hset(record.keys[2 + key[0] % 16], key, stored_ballot)
    await store.connection.client.hset(record.keys[1], mapping={"A": 1, "voters": 1, "seq": 1})
    other = a_voter()
    assert await cast(store, record, BallotInput(key, "A"), BallotInput(other, "B")) == [
        BallotStatus.OPTION_FULL,
        BallotStatus.COUNTED,
    ]
    ballots = await stored_ballots(store, record)
    assert set(ballots) == {key, other}
    assert ballots[key] == stored_ballot


async def test_edit_below_current_votes_of_option_is_rejected(store: Store) -> None:
    record = await made(store, options=bounded(ndc=5))
    await cast(store, record, *(BallotInput(a_voter(), "B") for _ in range(3)))
    with pytest.raises(EditRefused, match="chosen by 3") as raised:
        await with_capacity(record, store, ndc=2)
    assert raised.value.field == "options[1].capacity"
    assert (await store.polls.get(record.poll.id)).poll.options[1].capacity == 5
    record = await with_capacity(record, store, ndc=3)
    assert await cast(store, record, BallotInput(a_voter(), "B")) == [BallotStatus.OPTION_FULL]
    record = await with_capacity(record, store, ndc=4)
    assert await cast(store, record, BallotInput(a_voter(), "B")) == [BallotStatus.COUNTED]
    record = await with_capacity(record, store)
    assert (
        await cast(store, record, *(BallotInput(a_voter(), "B") for _ in range(9)))
        == [BallotStatus.COUNTED] * 9
    )


async def test_accepted_capacity_holds_under_concurrent_edits_and_votes(store: Store) -> None:
    record = await made(store, options=bounded(npp=1000))

    async def vote() -> None:
        for _ in range(60):
            current = await store.polls.get(record.poll.id)
            await store.ballots.cast_many([(current, [BallotInput(a_voter(), "A")])])

    async def narrow() -> int:
        accepted = 1000
        for capacity in range(30, 60):
            current = await store.polls.get(record.poll.id)
            try:
                accepted = (await with_capacity(current, store, npp=capacity)).poll.options[0].capacity or 0
            except EditRefused:
                continue
        return accepted

    *_, accepted = await asyncio.gather(vote(), vote(), narrow())
    assert (await tally_of(store, record)).counts["A"] <= accepted


async def test_new_poll_with_used_id_has_no_old_capacity(store: Store) -> None:
    poll = a_poll(options=bounded(npp=1))
    await store.polls.create(poll, "digest")
    await store.polls.delete(poll.id)
    recreated, _ = await store.polls.create(msgspec.structs.replace(poll, options=bounded()), "another")
    assert (
        await cast(store, recreated, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "A"))
        == [BallotStatus.COUNTED] * 2
    )
