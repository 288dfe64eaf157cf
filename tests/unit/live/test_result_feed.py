"""Result feed over a real store: changes reach subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from time import perf_counter

import pytest
from pollwire_server.domain.errors import PollNotFound, StoreUnavailable
from pollwire_server.domain.poll import Kind, Poll, Resolution
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.live.hub import Hub
from pollwire_server.live.poll_topic import PollTopic
from pollwire_server.live.result_feed import ResultFeed, next_transition_at
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, LONG_AGO, a_poll, a_voter
from tests.unit.live.readers import NOW, RecordingSubscriber, an_update
from tests.valkey import Valkey
from tests.wait import until


@contextlib.asynccontextmanager
async def feeding(
    store: Store, *, hz: float = 100, sweep_s: float = 60, without_notifications: bool = False
) -> AsyncIterator[ResultFeed]:
    """Run a feed. ``without_notifications``: no change notification reaches it."""
    feed = ResultFeed(store, Hub(), stream_hz=hz, sweep_s=sweep_s)
    tasks = [asyncio.create_task(feed.run())]
    if not without_notifications:
        tasks.append(asyncio.create_task(store.notifications.run()))
        await asyncio.wait_for(store.notifications.subscribed(), 5)
    try:
        yield feed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def created(store: Store, **changes: object) -> PollRecord:
    record, _ = await store.polls.create(a_poll(**changes), "digest")
    return record


async def vote(store: Store, record: PollRecord, times: int = 1) -> None:
    """Cast this many votes for the first option, one call for each."""
    for _ in range(times):
        [reply] = await store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
        assert not isinstance(reply, Exception)
        assert reply.outcomes is not None


def watching(feed: ResultFeed, poll: Poll) -> RecordingSubscriber:
    subscriber = RecordingSubscriber()
    feed.watch(poll.id, subscriber, ReaderRole.PUBLIC)
    return subscriber


def topic_of(feed: ResultFeed, poll: Poll) -> PollTopic:
    topic = feed._hub.topic(poll.id)
    assert topic is not None
    return topic


async def test_first_frame_has_complete_results(store: Store) -> None:
    record = await created(store)
    await vote(store, record, 3)
    async with feeding(store) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.voters == [3])


async def test_notification_delivers_change(store: Store) -> None:
    record = await created(store)
    async with feeding(store) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.voters == [0])
        await vote(store, record)
        await until(lambda: subscriber.voters == [0, 1])


async def test_sweep_finds_change_without_notification(store: Store) -> None:
    record = await created(store)
    async with feeding(store, without_notifications=True, sweep_s=0.02) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.voters == [0])
        await vote(store, record, 5)
        await until(lambda: subscriber.voters[-1] == 5)


async def test_sweep_finds_close_and_deletion_without_notification(store: Store) -> None:
    record = await created(store)
    async with feeding(store, without_notifications=True, sweep_s=0.02) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.frames)
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
        await until(lambda: subscriber.frames[-1].results.final)
        await store.polls.delete(record.poll.id)
        await until(lambda: subscriber.deleted == [record.poll.id])


async def test_burst_is_delivered_at_stream_rate_and_ends_with_last_change(store: Store) -> None:
    record = await created(store)
    async with feeding(store, hz=10) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.frames)
        await until(lambda: asyncio.get_running_loop().time() > topic_of(feed, record.poll).next_delivery_at)
        del subscriber.times[:]
        began = perf_counter()
        await vote(store, record)
        await until(lambda: subscriber.times)
        assert subscriber.times[0] - began < 0.09  # sooner than one interval
        while perf_counter() - began < 0.5:
            await vote(store, record)
        total = (await feed.read_fresh(record.poll.id)).full.results.voters
        await until(lambda: subscriber.voters[-1] == total)
    since_first = [time - subscriber.times[0] for time in subscriber.times]
    assert all(passed > place * 0.1 - 0.03 for place, passed in enumerate(since_first))
    assert len(subscriber.times) <= 8


async def test_closing_by_clock_is_delivered(store: Store) -> None:
    closes_at = await store.polls.now() + 150
    record = await created(store, closes_at=closes_at)
    async with feeding(store, without_notifications=True) as feed:
        subscriber = watching(feed, record.poll)
        await until(
            lambda: [frame.results.phase for frame in subscriber.frames] == [Phase.OPEN, Phase.CLOSED]
        )
        assert subscriber.frames[-1].results.final
        assert await store.polls.now() < closes_at + 300


async def test_opening_by_clock_is_delivered(store: Store) -> None:
    record = await created(store, opens_at=await store.polls.now() + 150)
    async with feeding(store, without_notifications=True) as feed:
        subscriber = watching(feed, record.poll)
        await until(
            lambda: [frame.results.phase for frame in subscriber.frames] == [Phase.SCHEDULED, Phase.OPEN]
        )


async def test_cancellation_at_resolve_by_is_delivered(store: Store) -> None:
    now = await store.polls.now()
    due = {"kind": Kind.PREDICTION, "series": "cup", "closes_at": now - 1, "resolve_by": now + 150}
    record = await created(store, **due)
    async with feeding(store, without_notifications=True) as feed:
        subscriber = watching(feed, record.poll)
        await until(
            lambda: [frame.results.phase for frame in subscriber.frames] == [Phase.CLOSED, Phase.CANCELED]
        )


async def test_concurrent_reads_share_one_more_batch(store: Store) -> None:
    record = await created(store)
    async with feeding(store, without_notifications=True) as feed:
        reader = feed._reader
        first = asyncio.create_task(feed.read_fresh(record.poll.id))
        await until(lambda: reader._batch == 1)
        crowd = await asyncio.gather(*(feed.read_fresh(record.poll.id) for _ in range(100)))
        assert {update.batch for update in crowd} <= {reader._batch}
        assert reader._batch <= 2
        assert (await first).batch == 1


async def test_fresh_read_contains_preceding_vote(store: Store) -> None:
    record = await created(store)
    async with feeding(store) as feed:
        for count in range(1, 30):
            others = [asyncio.create_task(feed.read_fresh(record.poll.id)) for _ in range(3)]
            await vote(store, record)
            assert (await feed.read_fresh(record.poll.id)).full.results.voters == count
            await asyncio.gather(*others)


async def test_unknown_poll_is_not_found_and_ends_subscription(store: Store) -> None:
    async with feeding(store, without_notifications=True) as feed:
        with pytest.raises(PollNotFound):
            await feed.read_fresh("nowhere")
        subscriber = watching(feed, a_poll(id="nowhere"))
        await until(lambda: subscriber.deleted == ["nowhere"])
        assert feed._hub.topics == []


async def test_last_unsubscribe_cancels_timers(store: Store) -> None:
    record = await created(store, closes_at=FAR_OFF)
    async with feeding(store) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.frames)
        topic = topic_of(feed, record.poll)
        feed.unwatch(record.poll.id, subscriber)
        assert feed._hub.topics == []
        assert topic.transition_timer is not None
        assert topic.transition_timer.cancelled()


async def test_subscriptions_survive_store_outage(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url, namespace="outage")
    record = await created(store)
    async with feeding(store, sweep_s=0.1) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.voters == [0])
        own_valkey.kill()
        with pytest.raises(StoreUnavailable):
            await feed.read_fresh(record.poll.id)
        late = watching(feed, record.poll)
        own_valkey.restart()
        await until(lambda: late.voters == [0])
        await vote(store, record, 2)
        await until(lambda: subscriber.voters[-1] == late.voters[-1] == 2)
        assert subscriber.deleted == []
    await store.close()


async def test_scheduled_read_is_retried_until_store_is_back(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url, namespace="retry")
    record = await created(store)
    async with feeding(store, without_notifications=True) as feed:
        own_valkey.kill()
        subscriber = watching(feed, record.poll)
        with pytest.raises(StoreUnavailable):
            await feed.read_fresh(record.poll.id)
        own_valkey.restart()
        await until(lambda: subscriber.voters == [0])
    await store.close()


async def test_emptied_store_ends_subscriptions(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url, namespace="wiped")
    record = await created(store)
    async with feeding(store, sweep_s=0.1) as feed:
        subscriber = watching(feed, record.poll)
        await until(lambda: subscriber.frames)
        await store.connection.command("FLUSHALL")
        await until(lambda: subscriber.deleted == [record.poll.id])
    await store.close()


def transitions(**changes: object) -> Iterable[int | None]:
    poll = a_poll(**changes)
    return [next_transition_at(an_update(poll, now=now)) for now in (NOW, NOW + 10, NOW + 20)]


def test_next_transition_is_next_instant_that_changes_phase_or_visibility() -> None:
    assert transitions(opens_at=NOW + 10, closes_at=NOW + 20) == [NOW + 10, NOW + 20, None]
    assert transitions(opens_at=LONG_AGO) == [None, None, None]
    assert transitions(visible_at=NOW + 20) == [NOW + 20, NOW + 20, None]
    assert transitions(closes_at=NOW + 20, closed_at=NOW) == [None, None, None]
    assert transitions(closed_at=NOW, resolve_by=NOW + 20) == [NOW + 20, NOW + 20, None]
    settled = Resolution(code="A", at=NOW, effective_at=NOW, by="ama", version=2)
    assert transitions(closed_at=NOW, resolve_by=NOW + 20, resolution=settled) == [None, None, None]
