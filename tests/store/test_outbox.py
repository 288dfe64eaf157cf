"""The outbox: what happens is written once, with its own step, and stays until it was handed on."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.domain.events import EventKind
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.keys import FIRST_BUCKET
from pollwire_server.store.votes.ballots import BallotInput
from pollwire_server.store.votes.purges import PurgeSelector
from pollwire_server.store.webhooks.outbox import DuePoll, OutboxScan

from tests.factories import FAR_OFF, LONG_AGO, a_voter
from tests.store.ballot_helpers import cast, made, set_field

PAUSE_MS = 60_000


async def look(store: Store, poll_id: str, progress_ms: int | None = None) -> OutboxScan:
    """What is found in a poll's outbox."""
    (found,) = await store.outbox.scan_many([poll_id], progress_ms)
    assert isinstance(found, OutboxScan)
    return found


async def kinds(store: Store, poll_id: str, progress_ms: int | None = None) -> list[EventKind]:
    """What kinds of events are found there."""
    return [event.kind for event in (await look(store, poll_id, progress_ms)).events]


async def test_acts_are_told_by_their_own_step(store: Store) -> None:
    """Each act leaves its event, in order, each numbered, with the poll as it stood after it."""
    record = await made(store)
    for act in (LifecycleAction.CLOSE, LifecycleAction.REOPEN, LifecycleAction.CANCEL):
        await store.polls.act(
            record.poll.id, act, closes_at=FAR_OFF if act is LifecycleAction.REOPEN else None
        )
    found = (await look(store, record.poll.id)).events
    assert [event.kind for event in found] == [
        EventKind.OPENED,
        EventKind.CLOSED,
        EventKind.OPENED,
        EventKind.CANCELED,
    ]
    assert [event.poll.phase(event.tally.now) for event in found] == ["open", "closed", "open", "canceled"]
    assert len({event.id for event in found}) == 4


async def test_a_refused_act_tells_nothing(store: Store) -> None:
    """A repeat of what stands, and what does not fit, leave no event."""
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    before = await kinds(store, record.poll.id)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    with pytest.raises(Exception, match="open"):
        await store.polls.act(record.poll.id, LifecycleAction.OPEN)
    assert await kinds(store, record.poll.id) == before


async def test_the_clocks_doing_is_told_once(store: Store) -> None:
    """However many look at one time, an opening and an end are written once, with their own instants."""
    record = await made(store, opens_at=FAR_OFF, closes_at=FAR_OFF + 1)
    assert await kinds(store, record.poll.id) == []
    await set_field(store, record, "opens_at", LONG_AGO)
    await set_field(store, record, "closes_at", LONG_AGO + 5)
    await asyncio.gather(*(look(store, record.poll.id) for _ in range(20)))
    found = (await look(store, record.poll.id)).events
    assert [(event.kind, event.at) for event in found] == [
        (EventKind.OPENED, LONG_AGO),
        (EventKind.CLOSED, LONG_AGO + 5),
    ]


async def test_the_clock_comes_before_the_act(store: Store) -> None:
    """An end that nobody saw is told before the reopening that undoes it."""
    record = await made(store)
    await set_field(store, record, "closes_at", LONG_AGO + 5)
    await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    assert await kinds(store, record.poll.id) == [EventKind.OPENED, EventKind.CLOSED, EventKind.OPENED]


async def test_progress_is_told_at_a_pace(store: Store) -> None:
    """One look after a vote tells the totals of that very step; the next waits for the pause to end."""
    record = await made(store)
    assert EventKind.PROGRESS not in await kinds(store, record.poll.id, PAUSE_MS)
    await cast(store, record, BallotInput(a_voter(), "A"))
    assert EventKind.PROGRESS not in await kinds(store, record.poll.id)
    first = await look(store, record.poll.id, PAUSE_MS)
    assert [event.kind for event in first.events] == [EventKind.OPENED, EventKind.PROGRESS]
    assert first.events[1].tally.counts == {"A": 1}
    await cast(store, record, BallotInput(a_voter(), "A"))
    second = await look(store, record.poll.id, PAUSE_MS)
    assert len(second.events) == 2
    assert second.next_at == first.events[1].at + PAUSE_MS
    third = await look(store, record.poll.id, 0)
    assert third.events[2].tally.counts == {"A": 2}
    assert len((await look(store, record.poll.id, 0)).events) == 3


async def test_an_outbox_outlives_its_poll(store: Store) -> None:
    """A reset leaves what was not handed on, a deletion too, and then it can still be read."""
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    await store.polls.delete(record.poll.id)
    found = await look(store, record.poll.id)
    assert [event.kind for event in found.events] == [
        EventKind.OPENED,
        EventKind.CLOSED,
        EventKind.CORRECTED,
    ]
    assert {event.poll.question for event in found.events} == {record.poll.question}
    await store.outbox.acknowledge(record.poll.id, found.entries)
    assert (await look(store, record.poll.id)).entries == []
    assert await store.connection.client.exists(*record.keys) == 0


async def test_nothing_of_voters_is_told(store: Store) -> None:
    """Neither a voter nor the key by which voters are known gets into the outbox."""
    record = await made(store)
    voter = a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await look(store, record.poll.id, 0)
    (outbox,) = [key for key in record.keys if key.endswith(b":outbox")]
    held = repr(await store.connection.client.xrange(outbox)).encode()
    for secret in (voter, record.voter_key):
        assert repr(secret)[2:-1].encode() not in held


async def test_what_is_about_to_change_is_marked(store: Store) -> None:
    """A poll that an operator touches is due at once; looked at it is due again, then at its next instant."""
    record = await made(store, opens_at=FAR_OFF)
    (due,) = await store.outbox.dues()
    assert (due.poll_id, due.at) == (record.poll.id, 0)
    found = await look(store, record.poll.id)
    await store.outbox.reschedule(due, found)
    (again,) = await store.outbox.dues()
    assert 0 < again.at - found.now < 10_000
    await store.outbox.reschedule(again, found)
    assert await store.outbox.dues() == [DuePoll(record.poll.id, FAR_OFF)]


async def test_a_mark_made_meanwhile_stands(store: Store) -> None:
    """Settling what was found does not undo a mark that somebody made since."""
    record = await made(store, opens_at=FAR_OFF)
    found = await look(store, record.poll.id)
    await store.outbox.reschedule(DuePoll(record.poll.id, 7), found)
    assert await store.outbox.dues() == [DuePoll(record.poll.id, 0)]


async def test_a_walk_marks_every_poll(store: Store) -> None:
    """Polls whose marks were lost are due again."""
    records = [await made(store) for _ in range(5)]
    for due in await store.outbox.dues():
        found = await look(store, due.place)
        await store.outbox.reschedule(DuePoll(due.place, 0), found)
    await store.connection.client.delete(f"{store.connection.namespace}:schedule")
    assert await store.outbox.mark_all_due() == 5
    assert {due.poll_id for due in await store.outbox.dues()} == {record.poll.id for record in records}


async def test_one_relay_at_a_time(store: Store) -> None:
    """The turn is one worker's until it gives it up or lets it run out."""
    assert await store.outbox.acquire_lease("a", 60_000)
    assert await store.outbox.acquire_lease("a", 60_000)
    assert not await store.outbox.acquire_lease("b", 60_000)
    await store.outbox.release_lease("b")
    assert not await store.outbox.acquire_lease("b", 60_000)
    await store.outbox.release_lease("a")
    assert await store.outbox.acquire_lease("b", 60_000)


async def test_a_purge_tells_that_totals_were_corrected(store: Store) -> None:
    """Once, with the totals after its last page; one that takes nothing tells nothing."""
    record = await made(store)
    await cast(store, record, *[BallotInput(a_voter(), "A") for _ in range(40)])
    before = await kinds(store, record.poll.id)
    assert await store.purges.purge(record, PurgeSelector(to_ms=FAR_OFF), by="ops") == 40
    found = (await look(store, record.poll.id)).events
    assert [event.kind for event in found] == [*before, EventKind.CORRECTED]
    assert (found[-1].tally.voters, found[-1].tally.seq) == (0, 80)
    await store.purges.purge(record, PurgeSelector(to_ms=FAR_OFF), by="ops")
    assert await kinds(store, record.poll.id) == [*before, EventKind.CORRECTED]


async def test_a_purge_that_broke_off_is_told_by_the_one_that_ends_it(store: Store) -> None:
    """Votes taken out by a purge that never ended are corrected totals all the same."""
    record = await made(store)
    await cast(store, record, BallotInput(bytes(16), "A"))
    head = (b"channel", record.poll.id, record.incarnation, "", 0, 0, FAR_OFF, b"")
    keys = (*record.keys, record.keys[0] + b":log")
    await store.connection.call("purge_votes_page", keys, (*head, FIRST_BUCKET + 1, b"0", "ops", "{}", 0))
    assert EventKind.CORRECTED not in await kinds(store, record.poll.id)
    assert await store.purges.purge(record, PurgeSelector(), by="ops") == 0
    assert (await kinds(store, record.poll.id))[-1] is EventKind.CORRECTED
