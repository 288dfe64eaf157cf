"""The counting step, on the real server."""

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


async def test_a_first_vote_counts(store: Store) -> None:
    """A first ballot is counted at the store's instant, as revision 1, and raises every total by one."""
    record = await made(store)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is not None
    (outcome,) = reply.outcomes
    assert (outcome.status, outcome.code, outcome.revision, outcome.seq) == (BallotStatus.COUNTED, "A", 1, 1)
    assert outcome.at == reply.now
    tally = await tally_of(store, record)
    assert (tally.epoch, tally.seq, tally.voters, tally.counts) == (reply.epoch, 1, 1, {"A": 1})


async def test_every_letter_of_a_code_counts(store: Store) -> None:
    """A multiple choice counts once for each option, and one voter."""
    record = await made(store, kind=Kind.MULTIPLE)
    await cast(store, record, BallotInput(a_voter(), "AC"), BallotInput(a_voter(), "C"))
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts) == (2, {"A": 1, "C": 2})


async def test_the_same_again_is_unchanged(store: Store) -> None:
    """A repeat answers with the vote that stands, its instant and revision, and counts nothing."""
    record, voter = await made(store), a_voter()
    (first,) = await outcomes_of(store, record, BallotInput(voter, "A"))
    (again,) = await outcomes_of(store, record, BallotInput(voter, "A"))
    assert again.status is BallotStatus.UNCHANGED
    assert (again.code, again.at, again.revision, again.seq) == ("A", first.at, 1, 1)
    assert (await tally_of(store, record)).counts == {"A": 1}


async def test_another_choice_where_nobody_changes(store: Store) -> None:
    """With revote never, another choice is refused and answered with the one that stands."""
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    (refused,) = await outcomes_of(store, record, BallotInput(voter, "B"))
    assert (refused.status, refused.code, refused.revision) == (BallotStatus.ALREADY_VOTED, "A", 1)
    assert (await tally_of(store, record)).counts == {"A": 1}


async def test_a_change_moves_the_vote(store: Store) -> None:
    """A change takes the old choice out and puts the new one in; the voter stays one."""
    record, voter = await made(store, kind=Kind.MULTIPLE, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "AB"))
    (changed,) = await outcomes_of(store, record, BallotInput(voter, "BC"))
    assert (changed.status, changed.code, changed.revision, changed.seq) == (BallotStatus.CHANGED, "BC", 2, 2)
    tally = await tally_of(store, record)
    assert (tally.voters, tally.seq, tally.counts) == (1, 2, {"A": 0, "B": 1, "C": 1})


async def test_a_named_revision_must_stand(store: Store) -> None:
    """A change that names a revision counts only while that one stands."""
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.COUNTED]
    assert await cast(store, record, BallotInput(voter, "B", 1)) == [BallotStatus.CHANGED]
    (late,) = await outcomes_of(store, record, BallotInput(voter, "A", 1))
    assert (late.status, late.code, late.revision) == (BallotStatus.STALE_REVISION, "B", 2)
    assert await cast(store, record, BallotInput(voter, "A", 0)) == [BallotStatus.STALE_REVISION]
    assert await cast(store, record, BallotInput(voter, "C", 2)) == [BallotStatus.CHANGED]


@pytest.mark.parametrize("revision", [-1, 5, 2**24, 2**70])
async def test_a_revision_that_never_stood(store: Store, revision: int) -> None:
    """A first ballot that replaces a revision which does not exist is stale, however odd the number."""
    record = await made(store, revote=Revote.CHANGE)
    (outcome,) = await outcomes_of(store, record, BallotInput(a_voter(), "A", revision))
    assert (outcome.status, outcome.code, outcome.revision) == (BallotStatus.STALE_REVISION, "", 0)


async def test_the_same_again_whatever_revision_it_names(store: Store) -> None:
    """A repeat of the standing choice is unchanged even if it names a revision long gone."""
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    assert await cast(store, record, BallotInput(voter, "B", 1)) == [BallotStatus.UNCHANGED]


async def test_one_voter_twice_in_a_batch(store: Store) -> None:
    """Ballots of one batch are judged in order, each on what the one before left."""
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


async def test_ten_thousand_ballots_in_a_batch(store: Store) -> None:
    """A large batch counts every ballot once, also where all of them fall into one bucket."""
    record = await made(store)
    voters = [b"\x00" + a_voter()[1:] for _ in range(9_000)] + [a_voter() for _ in range(1_000)]
    casts = [BallotInput(voter, "ABC"[number % 3]) for number, voter in enumerate(voters)]
    outcomes = await outcomes_of(store, record, *casts)
    assert [outcome.seq for outcome in outcomes] == list(range(1, 10_001))
    tally = await tally_of(store, record)
    assert tally.counts == Counter(cast.code for cast in casts)
    assert tally.voters == len(await stored_ballots(store, record)) == 10_000
    assert set(await cast(store, record, *casts)) == {BallotStatus.UNCHANGED}


async def test_the_outcomes_of_a_mixed_batch_stay_in_order(store: Store) -> None:
    """Each ballot gets its own outcome, whatever became of its neighbours."""
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


async def test_many_polls_in_one_round_trip(store: Store) -> None:
    """Batches of several polls are answered each on its own, a missing poll hurting no other."""
    first, second, gone = await made(store), await made(store), await made(store)
    await store.polls.delete(gone.poll.id)
    replies = await store.ballots.cast_many(
        [(record, [BallotInput(a_voter(), "A")]) for record in (first, gone, second)]
    )
    assert isinstance(replies[1], PollNotFound)
    assert (await tally_of(store, first)).voters == (await tally_of(store, second)).voters == 1


async def test_an_empty_batch(store: Store) -> None:
    """A batch without ballots is answered, and changes nothing."""
    record = await made(store)
    assert await outcomes_of(store, record) == []
    assert (await tally_of(store, record)).seq == 0


async def test_a_ballot_judged_by_an_old_version(store: Store) -> None:
    """Ballots coded by a version that no longer stands are not counted: the caller judges again."""
    record = await made(store)
    await store.polls.edit(record, record.poll, assumes_unvoted=True)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is None
    assert (await tally_of(store, record)).voters == 0


async def test_a_ballot_for_an_earlier_poll_of_the_same_id(store: Store) -> None:
    """A poll that took a deleted one's id takes no ballot coded by the old one, at equal versions too."""
    record = await made(store)
    await store.polls.delete(record.poll.id)
    anew, _ = await store.polls.create(record.poll, "digest")
    assert anew.poll.version == record.poll.version
    assert (await reply_to(store, record, BallotInput(a_voter(), "A"))).outcomes is None


async def test_before_the_window(store: Store) -> None:
    """Before it opens a poll counts nothing."""
    record = await made(store, opens_at=FAR_OFF)
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.NOT_OPEN]
    assert (await tally_of(store, record)).voters == 0


async def test_after_the_window(store: Store) -> None:
    """After it a poll counts nothing, and says when it closed."""
    record = await made(store, closes_at=LONG_AGO + 1)
    reply = await reply_to(store, record, BallotInput(a_voter(), "A"))
    assert reply.outcomes is not None
    assert reply.outcomes[0].status is BallotStatus.CLOSED
    assert reply.closed_at == LONG_AGO + 1


@pytest.mark.parametrize(("opens_at", "closes_at"), [(FAR_OFF, None), (LONG_AGO, LONG_AGO + 1)])
async def test_the_standing_choice_comes_before_the_window(
    store: Store, opens_at: int, closes_at: int | None
) -> None:
    """A repeat of the vote that stands is unchanged in any phase; any other choice is not counted."""
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await set_field(store, record, "opens_at", opens_at)
    if closes_at is not None:
        await set_field(store, record, "closes_at", closes_at)
    repeat, other = await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    assert repeat is BallotStatus.UNCHANGED
    assert other is (BallotStatus.NOT_OPEN if closes_at is None else BallotStatus.CLOSED)


async def test_a_window_seen_closed_stays_closed(store: Store) -> None:
    """Once a cast saw the window closed, a clock that steps back does not open it again."""
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
    """A poll that knows no voters."""
    return await made(store, identity=Identity.OPEN)


async def test_an_idempotency_key_again(store: Store) -> None:
    """On an open poll the same key with the same choice is unchanged, with another one it is refused."""
    record, key = await open_to_all(store), a_voter()
    await cast(store, record, BallotInput(key, "A"))
    assert await cast(store, record, BallotInput(key, "A"), BallotInput(key, "B")) == [
        BallotStatus.UNCHANGED,
        BallotStatus.KEY_REUSED,
    ]
    assert (await tally_of(store, record)).voters == 1


async def test_an_idempotency_key_forgets_after_a_day(store: Store) -> None:
    """After 24 hours a key counts anew, and the older vote goes on counting where no key can reach it."""
    record, key = await open_to_all(store), a_voter()
    (first,) = await outcomes_of(store, record, BallotInput(key, "A"))
    a_day_ago = first.at - DAY_MS
    bucket = record.keys[2 + key[0] % 16]
    await store.connection.client.hset(
        bucket, key, (1).to_bytes(3, "big") + a_day_ago.to_bytes(6, "big") + b"A"
    )
    (anew,) = await outcomes_of(store, record, BallotInput(key, "B"))
    assert (anew.status, anew.revision, anew.code) == (BallotStatus.COUNTED, 1, "B")
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts) == (2, {"A": 1, "B": 1})
    assert sorted(value[9:] for value in (await stored_ballots(store, record)).values()) == [b"A", b"B"]
    older = await store.ballots.current_vote(record, key, at=a_day_ago)
    assert older is not None
    assert (older.code, older.at) == ("A", a_day_ago)


async def test_an_old_idempotency_key_on_a_closed_poll(store: Store) -> None:
    """After its day, and after the poll closed, a key's vote still stands: the same again is unchanged."""
    record, key = await open_to_all(store), a_voter()
    await cast(store, record, BallotInput(key, "A"))
    long_ago = (1).to_bytes(3, "big") + LONG_AGO.to_bytes(6, "big") + b"A"
    await store.connection.client.hset(record.keys[2 + key[0] % 16], key, long_ago)
    closed = await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert await cast(store, closed, BallotInput(key, "A"), BallotInput(key, "B")) == [
        BallotStatus.UNCHANGED,
        BallotStatus.CLOSED,
    ]


async def test_an_idempotency_key_within_the_day(store: Store) -> None:
    """One millisecond short of 24 hours (and a second for the test) the key still stands."""
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


async def test_a_revision_at_its_ceiling(store: Store) -> None:
    """The highest revision that three bytes hold goes on standing instead of starting over."""
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    highest = (2**24 - 1).to_bytes(3, "big") + LONG_AGO.to_bytes(6, "big") + b"A"
    await store.connection.client.hset(record.keys[2 + voter[0] % 16], voter, highest)
    (outcome,) = await outcomes_of(store, record, BallotInput(voter, "B"))
    assert (outcome.status, outcome.revision) == (BallotStatus.CHANGED, 2**24 - 1)
