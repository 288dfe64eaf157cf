"""Outbox: an event is stored once, by the function that causes it, and remains until it is acknowledged."""

from __future__ import annotations

import asyncio

import msgspec
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


async def scan(store: Store, poll_id: str, progress_ms: int | None = None) -> OutboxScan:
    """Scan a poll's outbox."""
    (found,) = await store.outbox.scan_many([poll_id], progress_ms)
    assert isinstance(found, OutboxScan)
    return found


async def kinds(store: Store, poll_id: str, progress_ms: int | None = None) -> list[EventKind]:
    """Return the kinds of the events in a poll's outbox."""
    return [event.kind for event in (await scan(store, poll_id, progress_ms)).events]


async def test_lifecycle_actions_add_their_event_in_the_same_step(store: Store) -> None:
    record = await made(store)
    for act in (LifecycleAction.CLOSE, LifecycleAction.REOPEN, LifecycleAction.CANCEL):
        await store.polls.act(
            record.poll.id, act, closes_at=FAR_OFF if act is LifecycleAction.REOPEN else None
        )
    found = (await scan(store, record.poll.id)).events
    assert [event.kind for event in found] == [
        EventKind.OPENED,
        EventKind.CLOSED,
        EventKind.OPENED,
        EventKind.CANCELED,
    ]
    assert [event.poll.phase(event.tally.now) for event in found] == ["open", "closed", "open", "canceled"]
    assert len({event.id for event in found}) == 4


async def test_rejected_or_repeated_action_adds_no_event(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    before = await kinds(store, record.poll.id)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    with pytest.raises(Exception, match="open"):
        await store.polls.act(record.poll.id, LifecycleAction.OPEN)
    assert await kinds(store, record.poll.id) == before


async def test_clock_events_are_added_once(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF, closes_at=FAR_OFF + 1)
    assert await kinds(store, record.poll.id) == []
    await set_field(store, record, "opens_at", LONG_AGO)
    await set_field(store, record, "closes_at", LONG_AGO + 5)
    await asyncio.gather(*(scan(store, record.poll.id) for _ in range(20)))
    found = (await scan(store, record.poll.id)).events
    assert [(event.kind, event.at) for event in found] == [
        (EventKind.OPENED, LONG_AGO),
        (EventKind.CLOSED, LONG_AGO + 5),
    ]


async def test_poll_created_with_past_window_adds_events_at_its_creation(store: Store) -> None:
    began = await store.polls.now()
    record = await made(store, opens_at=LONG_AGO, closes_at=LONG_AGO + 5)
    found = (await scan(store, record.poll.id)).events
    assert [event.kind for event in found] == [EventKind.OPENED, EventKind.CLOSED]
    assert all(began <= event.at <= event.tally.now for event in found)


async def test_edit_that_opens_the_poll_adds_the_event_at_the_edit(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF)
    began = await store.polls.now()
    await store.polls.edit(
        record, msgspec.structs.replace(record.poll, opens_at=LONG_AGO), assumes_unvoted=True
    )
    found = (await scan(store, record.poll.id)).events
    assert [event.kind for event in found] == [EventKind.OPENED]
    assert began <= found[0].at <= found[0].tally.now


async def test_clock_event_precedes_action_event(store: Store) -> None:
    record = await made(store)
    await set_field(store, record, "closes_at", LONG_AGO + 5)
    await store.polls.act(record.poll.id, LifecycleAction.REOPEN, closes_at=FAR_OFF)
    assert await kinds(store, record.poll.id) == [EventKind.OPENED, EventKind.CLOSED, EventKind.OPENED]


async def test_progress_events_respect_interval(store: Store) -> None:
    record = await made(store)
    assert EventKind.PROGRESS not in await kinds(store, record.poll.id, PAUSE_MS)
    await cast(store, record, BallotInput(a_voter(), "A"))
    assert EventKind.PROGRESS not in await kinds(store, record.poll.id)
    first = await scan(store, record.poll.id, PAUSE_MS)
    assert [event.kind for event in first.events] == [EventKind.OPENED, EventKind.PROGRESS]
    assert first.events[1].tally.counts == {"A": 1}
    await cast(store, record, BallotInput(a_voter(), "A"))
    second = await scan(store, record.poll.id, PAUSE_MS)
    assert len(second.events) == 2
    assert second.next_at == first.events[1].at + PAUSE_MS
    third = await scan(store, record.poll.id, 0)
    assert third.events[2].tally.counts == {"A": 2}
    assert len((await scan(store, record.poll.id, 0)).events) == 3


async def test_outbox_outlives_deleted_poll(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    await store.polls.delete(record.poll.id)
    found = await scan(store, record.poll.id)
    assert [event.kind for event in found.events] == [
        EventKind.OPENED,
        EventKind.CLOSED,
        EventKind.CORRECTED,
    ]
    assert {event.poll.question for event in found.events} == {record.poll.question}
    await store.outbox.acknowledge(record.poll.id, found.entries)
    assert (await scan(store, record.poll.id)).entries == []
    assert await store.connection.client.exists(*record.keys) == 0


async def test_events_contain_no_voter_data(store: Store) -> None:
    record = await made(store)
    voter = a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await scan(store, record.poll.id, 0)
    (outbox,) = [key for key in record.keys if key.endswith(b":outbox")]
    entries = repr(await store.connection.client.xrange(outbox)).encode()
    for secret in (voter, record.voter_key):
        assert repr(secret)[2:-1].encode() not in entries


async def test_poll_is_marked_due_before_change(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF)
    (due,) = await store.outbox.dues()
    assert (due.poll_id, due.at) == (record.poll.id, 0)
    found = await scan(store, record.poll.id)
    await store.outbox.reschedule(due, found)
    (again,) = await store.outbox.dues()
    assert 0 < again.at - found.now < 10_000
    await store.outbox.reschedule(again, found)
    assert await store.outbox.dues() == [DuePoll(record.poll.id, FAR_OFF)]


async def test_reschedule_keeps_newer_mark(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF)
    found = await scan(store, record.poll.id)
    await store.outbox.reschedule(DuePoll(record.poll.id, 7), found)
    assert await store.outbox.dues() == [DuePoll(record.poll.id, 0)]


async def test_mark_all_due_marks_every_poll(store: Store) -> None:
    records = [await made(store) for _ in range(5)]
    for due in await store.outbox.dues():
        found = await scan(store, due.place)
        await store.outbox.reschedule(DuePoll(due.place, 0), found)
    await store.connection.client.delete(f"{store.connection.namespace}:schedule")
    assert await store.outbox.mark_all_due() == 5
    assert {due.poll_id for due in await store.outbox.dues()} == {record.poll.id for record in records}


async def test_relay_lease_has_one_holder(store: Store) -> None:
    assert await store.outbox.acquire_lease("a", 60_000)
    assert await store.outbox.acquire_lease("a", 60_000)
    assert not await store.outbox.acquire_lease("b", 60_000)
    await store.outbox.release_lease("b")
    assert not await store.outbox.acquire_lease("b", 60_000)
    await store.outbox.release_lease("a")
    assert await store.outbox.acquire_lease("b", 60_000)


async def test_purge_adds_corrected_event(store: Store) -> None:
    record = await made(store)
    await cast(store, record, *[BallotInput(a_voter(), "A") for _ in range(40)])
    before = await kinds(store, record.poll.id)
    assert await store.purges.purge(record, PurgeSelector(to_ms=FAR_OFF), by="ops") == 40
    found = (await scan(store, record.poll.id)).events
    assert [event.kind for event in found] == [*before, EventKind.CORRECTED]
    assert (found[-1].tally.voters, found[-1].tally.seq) == (0, 80)
    await store.purges.purge(record, PurgeSelector(to_ms=FAR_OFF), by="ops")
    assert await kinds(store, record.poll.id) == [*before, EventKind.CORRECTED]


async def test_interrupted_purge_is_announced_by_the_next_purge(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(bytes(16), "A"))
    head = (b"channel", record.poll.id, record.incarnation, "", 0, 0, FAR_OFF, b"")
    keys = (*record.keys, record.keys[0] + b":log")
    await store.connection.call("purge_votes_page", keys, (*head, FIRST_BUCKET + 1, b"0", "ops", "{}", 0))
    assert EventKind.CORRECTED not in await kinds(store, record.poll.id)
    assert await store.purges.purge(record, PurgeSelector(), by="ops") == 0
    assert (await kinds(store, record.poll.id))[-1] is EventKind.CORRECTED
