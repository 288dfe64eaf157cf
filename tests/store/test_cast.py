"""The function ``cast_ballots``."""

from __future__ import annotations

from collections import Counter

import pytest
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.poll import Identity, Kind, Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import FAR_OFF, LONG_AGO, a_voter
from tests.store.ballot_helpers import (
    DAY_MS,
    cast,
    made,
    outcomes_of,
    reply_to,
    set_field,
    stored_ballots,
    tally_of,
)


async def test_first_vote_is_counted_as_revision_one(store: Store) -> None:
    record = await made(store)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is not None
    (outcome,) = reply.outcomes
    assert (outcome.status, outcome.code, outcome.revision, outcome.seq) == (BallotStatus.COUNTED, "A", 1, 1)
    assert outcome.at == reply.now
    tally = await tally_of(store, record)
    assert (tally.epoch, tally.seq, tally.voters, tally.counts) == (reply.epoch, 1, 1, {"A": 1})


async def test_multiple_choice_counts_every_option_and_one_voter(store: Store) -> None:
    record = await made(store, kind=Kind.MULTIPLE)
    await cast(store, record, BallotInput(a_voter(), "AC"), BallotInput(a_voter(), "C"))
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts) == (2, {"A": 1, "C": 2})


async def test_repeated_vote_is_unchanged(store: Store) -> None:
    record, voter = await made(store), a_voter()
    (first,) = await outcomes_of(store, record, BallotInput(voter, "A"))
    (again,) = await outcomes_of(store, record, BallotInput(voter, "A"))
    assert again.status is BallotStatus.UNCHANGED
    assert (again.code, again.at, again.revision, again.seq) == ("A", first.at, 1, 1)
    assert (await tally_of(store, record)).counts == {"A": 1}


async def test_revote_never_rejects_different_choice(store: Store) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    (refused,) = await outcomes_of(store, record, BallotInput(voter, "B"))
    assert (refused.status, refused.code, refused.revision) == (BallotStatus.ALREADY_VOTED, "A", 1)
    assert (await tally_of(store, record)).counts == {"A": 1}


async def test_changed_vote_moves_count(store: Store) -> None:
    record, voter = await made(store, kind=Kind.MULTIPLE, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "AB"))
    (changed,) = await outcomes_of(store, record, BallotInput(voter, "BC"))
    assert (changed.status, changed.code, changed.revision, changed.seq) == (BallotStatus.CHANGED, "BC", 2, 2)
    tally = await tally_of(store, record)
    assert (tally.voters, tally.seq, tally.counts) == (1, 2, {"A": 0, "B": 1, "C": 1})


async def test_change_with_stale_revision_is_rejected(store: Store) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.COUNTED]
    assert await cast(store, record, BallotInput(voter, "B", 1)) == [BallotStatus.CHANGED]
    (late,) = await outcomes_of(store, record, BallotInput(voter, "A", 1))
    assert (late.status, late.code, late.revision) == (BallotStatus.STALE_REVISION, "B", 2)
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.STALE_REVISION]
    assert await cast(store, record, BallotInput(voter, "C", 2)) == [BallotStatus.CHANGED]


@pytest.mark.parametrize("revision", [-1, 5, 2**24, 2**70])
async def test_first_ballot_with_expected_revision_is_stale(store: Store, revision: int) -> None:
    record = await made(store, revote=Revote.CHANGE)
    (outcome,) = await outcomes_of(store, record, BallotInput(a_voter(), "A", revision))
    assert (outcome.status, outcome.code, outcome.revision) == (BallotStatus.STALE_REVISION, "", 0)


async def test_repeated_vote_is_unchanged_with_any_revision(store: Store) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    assert await cast(store, record, BallotInput(voter, "B", 1)) == [BallotStatus.UNCHANGED]


async def test_ballots_of_one_voter_are_applied_in_order(store: Store) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    outcomes = await outcomes_of(
        store,
        record,
        BallotInput(voter, "A"),
        BallotInput(voter, "A"),
        BallotInput(voter, "B", 1),
        BallotInput(voter, "C", 1),
    )
    found = [(outcome.status, outcome.revision, outcome.seq) for outcome in outcomes]
    assert found == [
        (BallotStatus.COUNTED, 1, 1),
        (BallotStatus.UNCHANGED, 1, 1),
        (BallotStatus.CHANGED, 2, 2),
        (BallotStatus.STALE_REVISION, 2, 2),
    ]
    assert (await tally_of(store, record)).counts == {"B": 1}


async def test_batch_of_ten_thousand_counts_every_ballot_once(store: Store) -> None:
    record = await made(store)
    voters = [b"\x00" + a_voter()[1:] for _ in range(9_000)] + [a_voter() for _ in range(1_000)]
    casts = [BallotInput(voter, "ABC"[number % 3]) for number, voter in enumerate(voters)]
    outcomes = await outcomes_of(store, record, *casts)
    assert [outcome.seq for outcome in outcomes] == list(range(1, 10_001))
    tally = await tally_of(store, record)
    assert tally.counts == Counter(cast.code for cast in casts)
    assert tally.voters == len(await stored_ballots(store, record)) == 10_000
    assert set(await cast(store, record, *casts)) == {BallotStatus.UNCHANGED}


async def test_mixed_batch_returns_outcomes_in_order(store: Store) -> None:
    record, known = await made(store), [a_voter() for _ in range(3)]
    await cast(store, record, *(BallotInput(voter, "A") for voter in known))
    outcomes = await outcomes_of(
        store,
        record,
        BallotInput(known[0], "B"),
        BallotInput(a_voter(), "C"),
        BallotInput(known[1], "A"),
        BallotInput(a_voter(), "B"),
    )
    found = [(outcome.status.value, outcome.code) for outcome in outcomes]
    assert found == [("already-voted", "A"), ("counted", "C"), ("unchanged", "A"), ("counted", "B")]


async def test_batches_of_many_polls_are_independent(store: Store) -> None:
    first, second, gone = await made(store), await made(store), await made(store)
    await store.polls.delete(gone.poll.id)
    replies = await store.ballots.cast_many(
        [(record, [BallotInput(a_voter(), "A")]) for record in (first, gone, second)]
    )
    assert isinstance(replies[1], PollNotFound)
    assert (await tally_of(store, first)).voters == (await tally_of(store, second)).voters == 1


async def test_empty_batch_changes_nothing(store: Store) -> None:
    record = await made(store)
    assert await outcomes_of(store, record) == []
    assert (await tally_of(store, record)).seq == 0


async def test_ballot_of_stale_poll_version_is_not_counted(store: Store) -> None:
    record = await made(store)
    await store.polls.edit(record, record.poll, assumes_unvoted=True)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is None
    assert (await tally_of(store, record)).voters == 0


async def test_ballot_for_deleted_poll_is_not_counted_by_its_successor(store: Store) -> None:
    record = await made(store)
    await store.polls.delete(record.poll.id)
    recreated, _ = await store.polls.create(record.poll, "digest")
    assert recreated.poll.version == record.poll.version
    assert (await reply_to(store, record, BallotInput(a_voter(), "A"))).outcomes is None


async def test_scheduled_poll_rejects_votes(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF)
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.NOT_OPEN]
    assert (await tally_of(store, record)).voters == 0


async def test_closed_poll_rejects_votes_with_closing_time(store: Store) -> None:
    record = await made(store, closes_at=LONG_AGO + 1)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is not None
    assert reply.outcomes[0].status is BallotStatus.CLOSED
    assert reply.closed_at == LONG_AGO + 1


@pytest.mark.parametrize(("opens_at", "closes_at"), [(FAR_OFF, None), (LONG_AGO, LONG_AGO + 1)])
async def test_repeated_vote_is_unchanged_in_any_phase(
    store: Store, opens_at: int, closes_at: int | None
) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await set_field(store, record, "opens_at", opens_at)
    if closes_at is not None:
        await set_field(store, record, "closes_at", closes_at)
    repeat, other = await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    assert repeat is BallotStatus.UNCHANGED
    assert other is (BallotStatus.NOT_OPEN if closes_at is None else BallotStatus.CLOSED)


async def test_closed_window_stays_closed_after_clock_step_back(store: Store) -> None:
    record = await made(store)
    now = await store.polls.now()
    await set_field(store, record, "closes_at", now - 1)
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
    await set_field(
        store, record, "closes_at", now + DAY_MS
    )  # to the window, what a clock set back a day looks like
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
    assert (await store.polls.get(record.poll.id)).poll.closed_at == now - 1


async def open_to_all(store: Store) -> PollRecord:
    """Create a poll without voters."""
    return await made(store, identity=Identity.OPEN)


async def test_repeated_idempotency_key_is_unchanged_or_rejected(store: Store) -> None:
    record, key = await open_to_all(store), a_voter()
    await cast(store, record, BallotInput(key, "A"))
    assert await cast(store, record, BallotInput(key, "A"), BallotInput(key, "B")) == [
        BallotStatus.UNCHANGED,
        BallotStatus.KEY_REUSED,
    ]
    assert (await tally_of(store, record)).voters == 1


async def test_idempotency_key_expires_after_24_hours(store: Store) -> None:
    record, key = await open_to_all(store), a_voter()
    (first,) = await outcomes_of(store, record, BallotInput(key, "A"))
    a_day_ago = first.at - DAY_MS
    bucket = record.keys[2 + key[0] % 16]
    await store.connection.client.hset(
        bucket, key, (1).to_bytes(3, "big") + a_day_ago.to_bytes(6, "big") + b"A"
    )
    (second,) = await outcomes_of(store, record, BallotInput(key, "B"))
    assert (second.status, second.revision, second.code) == (BallotStatus.COUNTED, 1, "B")
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts) == (2, {"A": 1, "B": 1})
    assert sorted(value[9:] for value in (await stored_ballots(store, record)).values()) == [b"A", b"B"]
    older = await store.ballots.current_vote(record, key, at=a_day_ago)
    assert older is not None
    assert (older.code, older.at) == ("A", a_day_ago)


async def test_expired_idempotency_key_on_closed_poll_is_unchanged(store: Store) -> None:
    record, key = await open_to_all(store), a_voter()
    await cast(store, record, BallotInput(key, "A"))
    long_ago = (1).to_bytes(3, "big") + LONG_AGO.to_bytes(6, "big") + b"A"
    await store.connection.client.hset(record.keys[2 + key[0] % 16], key, long_ago)
    closed = await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert await cast(store, closed, BallotInput(key, "A"), BallotInput(key, "B")) == [
        BallotStatus.UNCHANGED,
        BallotStatus.CLOSED,
    ]


async def test_idempotency_key_is_valid_just_below_24_hours(store: Store) -> None:
    record, key = await open_to_all(store), a_voter()
    (first,) = await outcomes_of(store, record, BallotInput(key, "A"))
    nearly = (first.at - DAY_MS + 10_000).to_bytes(6, "big")
    await store.connection.client.hset(
        record.keys[2 + key[0] % 16], key, (1).to_bytes(3, "big") + nearly + b"A"
    )
    assert await cast(store, record, BallotInput(key, "B"), BallotInput(key, "A")) == [
        BallotStatus.KEY_REUSED,
        BallotStatus.UNCHANGED,
    ]


async def test_highest_revision_does_not_wrap(store: Store) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    highest = (2**24 - 1).to_bytes(3, "big") + LONG_AGO.to_bytes(6, "big") + b"A"
    await store.connection.client.hset(record.keys[2 + voter[0] % 16], voter, highest)
    (outcome,) = await outcomes_of(store, record, BallotInput(voter, "B"))
    assert (outcome.status, outcome.revision) == (BallotStatus.CHANGED, 2**24 - 1)
