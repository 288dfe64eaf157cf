"""Hub: which subscriber gets which frame, when, and in what order."""

from __future__ import annotations

import asyncio
import itertools

from pollwire_server.domain.poll import Poll, ResultsMode
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_frames import ResultFrame, ResultUpdate

from tests.factories import FAR_OFF, a_poll
from tests.unit.live.readers import NOW, RecordingSubscriber, an_update
from tests.wait import until


def joined(
    hub: Hub, poll: Poll, role: ReaderRole = ReaderRole.PUBLIC, min_batch: int = 1
) -> RecordingSubscriber:
    subscriber = RecordingSubscriber()
    hub.join(subscriber)
    hub.watch(poll.id, subscriber, role, min_batch)
    return subscriber


def publish(hub: Hub, update: ResultUpdate) -> bool:
    """Publish to the poll's topic. Return True if the update is news."""
    topic = hub.topic(update.poll.id)
    assert topic is not None
    return hub.publish(topic, update)


def broadcast(hub: Hub, poll: Poll) -> None:
    topic = hub.topic(poll.id)
    assert topic is not None
    hub.broadcast(topic)


async def settled(hub: Hub) -> None:
    """Return once no broadcast is running."""
    await until(lambda: not hub._broadcasts)


async def test_new_subscriber_gets_first_update_without_broadcast() -> None:
    hub, poll = Hub(), a_poll()
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=7))
    await settled(hub)
    assert subscriber.voters == [7]


async def test_new_subscriber_gets_no_update_of_earlier_batch() -> None:
    hub, poll = Hub(), a_poll()
    joined(hub, poll, min_batch=1)
    late = joined(hub, poll, min_batch=2)
    publish(hub, an_update(poll, seq=7, batch=1))
    broadcast(hub, poll)
    await settled(hub)
    assert late.frames == []
    publish(hub, an_update(poll, seq=7, batch=2))
    await settled(hub)
    assert late.voters == [7]


async def test_earlier_subscribers_wait_for_broadcast() -> None:
    hub, poll = Hub(), a_poll()
    early = joined(hub, poll)
    assert publish(hub, an_update(poll, seq=1)) is False  # all subscribers are new
    await settled(hub)
    joined(hub, poll, min_batch=2)
    assert publish(hub, an_update(poll, seq=2, batch=2)) is True
    await settled(hub)
    assert early.voters == [1]
    broadcast(hub, poll)
    await settled(hub)
    assert early.voters == [1, 2]


async def test_same_content_is_not_sent_twice() -> None:
    hub, poll = Hub(), a_poll()
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=1))
    await settled(hub)
    assert publish(hub, an_update(poll, seq=1, batch=2, now=NOW + 50)) is False
    broadcast(hub, poll)
    await settled(hub)
    assert subscriber.voters == [1]


async def test_older_update_is_not_sent() -> None:
    """It only proves that the stored update is fresh enough."""
    hub, poll = Hub(), a_poll()
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=5))
    late = joined(hub, poll, min_batch=2)
    assert publish(hub, an_update(poll, seq=4, batch=2)) is False
    broadcast(hub, poll)
    await settled(hub)
    assert subscriber.voters == [5]
    assert late.voters == [5]


async def test_new_epoch_replaces_higher_seq() -> None:
    hub, poll = Hub(), a_poll()
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=5))
    await settled(hub)
    assert publish(hub, an_update(poll, seq=2, epoch="018bcfe56801")) is True
    broadcast(hub, poll)
    await settled(hub)
    assert subscriber.voters == [5, 2]


async def test_hidden_role_gets_phase_changes_but_no_votes() -> None:
    hub, poll = Hub(), a_poll(results=ResultsMode.AFTER_CLOSE, closes_at=FAR_OFF)
    subscriber = joined(hub, poll)
    for seq in range(3):
        publish(hub, an_update(poll, seq=seq))
        broadcast(hub, poll)
        await settled(hub)
    assert subscriber.voters == [None]
    publish(hub, an_update(poll, seq=2, now=FAR_OFF))
    broadcast(hub, poll)
    await settled(hub)
    assert subscriber.voters == [None, 2]
    assert subscriber.frames[-1].results.final


async def test_watching_again_with_new_role_sends_its_frame() -> None:
    hub, poll = Hub(), a_poll(results=ResultsMode.AFTER_VOTE)
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=1))
    await settled(hub)
    hub.watch(poll.id, subscriber, ReaderRole.VOTED, 2)
    publish(hub, an_update(poll, seq=1, batch=2))
    await settled(hub)
    assert subscriber.voters == [None, 1]


async def test_broadcast_runs_in_slices_and_sends_newest_frame() -> None:
    ticks = itertools.count()
    hub, poll = Hub(slice_s=1, clock=lambda: float(next(ticks))), a_poll()
    subscribers = [joined(hub, poll) for _ in range(1000)]
    publish(hub, an_update(poll, seq=1))
    await settled(hub)
    publish(hub, an_update(poll, seq=2))
    broadcast(hub, poll)
    await asyncio.sleep(0)
    reached = sum(subscriber.voters == [1, 2] for subscriber in subscribers)
    assert 0 < reached < 200
    publish(hub, an_update(poll, seq=3))
    broadcast(hub, poll)
    await settled(hub)
    assert [subscriber.voters for subscriber in subscribers].count([1, 3]) == 1000 - reached
    assert all(subscriber.voters[-1] == 3 for subscriber in subscribers)


async def test_large_broadcast_does_not_delay_small_one() -> None:
    ticks = itertools.count()
    hub, large, small = Hub(slice_s=1, clock=lambda: float(next(ticks))), a_poll(), a_poll()
    crowd = [joined(hub, large) for _ in range(100)]
    served_before: list[int] = []

    class LastSubscriber(RecordingSubscriber):
        def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
            served_before.append(sum(bool(subscriber.frames) for subscriber in crowd))

    hub.watch(small.id, LastSubscriber(), ReaderRole.PUBLIC, 1)
    publish(hub, an_update(large, seq=1))
    publish(hub, an_update(small, seq=1))
    await settled(hub)
    assert len(served_before) == 1
    assert served_before[0] < 50


async def test_unsubscribed_stream_gets_nothing_of_running_broadcast() -> None:
    hub, poll = Hub(), a_poll()
    leaver, stayer = joined(hub, poll), joined(hub, poll)
    publish(hub, an_update(poll, seq=1))
    hub.unwatch(poll.id, leaver)
    assert hub.watched == [poll.id]
    await settled(hub)
    assert leaver.frames == []
    assert stayer.voters == [1]
    hub.unwatch(poll.id, stayer)
    assert hub.watched == []


async def test_ended_topic_notifies_each_subscriber_once() -> None:
    hub, poll = Hub(), a_poll()
    subscribers = [joined(hub, poll) for _ in range(3)]
    topic = hub.topic(poll.id)
    assert topic is not None
    hub.end(topic)
    hub.end(topic)
    assert hub.topic(poll.id) is None
    await settled(hub)
    assert [subscriber.deleted for subscriber in subscribers] == [[poll.id]] * 3
    assert hub.watched == []


async def test_poll_made_invisible_is_deleted_for_public_only() -> None:
    hub, poll = Hub(), a_poll(visible_at=NOW + 10)
    public, operator = joined(hub, poll), joined(hub, poll, ReaderRole.OPERATOR)
    publish(hub, an_update(poll, seq=1))
    broadcast(hub, poll)
    await settled(hub)
    assert public.deleted == [poll.id]
    assert operator.voters == [1]


async def test_failing_subscriber_does_not_affect_others() -> None:

    class Broken(RecordingSubscriber):
        def send_latest(self, poll_id: str, frame: object) -> None:
            raise RuntimeError("broken")

    hub, poll = Hub(), a_poll()
    hub.watch(poll.id, Broken(), ReaderRole.PUBLIC, 1)
    subscriber = joined(hub, poll)
    publish(hub, an_update(poll, seq=1))
    await settled(hub)
    assert subscriber.voters == [1]


async def test_drain_spreads_reconnects_and_waits_for_streams() -> None:
    hub = Hub()
    subscribers = [RecordingSubscriber() for _ in range(10)]
    for subscriber in subscribers:
        hub.join(subscriber)
    draining = asyncio.create_task(hub.drain(1000))
    await until(lambda: all(subscriber.reconnects for subscriber in subscribers))
    assert sorted(subscriber.reconnects[0] for subscriber in subscribers) == list(range(100, 1001, 100))
    assert hub.is_draining
    assert not draining.done()
    for subscriber in subscribers:
        hub.remove_subscriber(subscriber)
    await asyncio.wait_for(draining, 1)
