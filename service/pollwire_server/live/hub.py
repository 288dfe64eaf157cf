"""Hub: tracks the subscribers of each poll and sends each of them the latest frame. Nothing is queued.

A topic is one watched poll, with its newest update and its subscriptions. A broadcast walks through the
subscriptions and sends each the newest frame of its role, unless the same content was already sent.
Broadcasts run in slices of at most ``SLICE_S``. Between slices they yield to each other and to the event
loop, so a poll with 100,000 viewers delays no vote. A subscription that a broadcast has not reached yet gets
the newest frame of that moment. An update that arrives during a broadcast costs one more broadcast, however
many updates follow.

A client that subscribes, or gains access, must not receive a result that was read before that. So each
subscription has ``min_batch``, the first read batch that is fresh enough. It is skipped until an update of
that batch is published.

The hub does no I/O. It knows no store, no wall clock and no transport. A ``Subscriber`` stores at most the
newest frame of each poll and writes it when its transport allows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.poll_topic import PollTopic, Subscriber, Subscription
from pollwire_server.live.result_frames import ROLE_INDEX, ResultUpdate
from pollwire_server.live.revocable_streams import RevocableStreams
from pollwire_server.telemetry.metrics import FRAMES

log = logging.getLogger("pollwire.live")

SLICE_S: Final = 0.005
"""Longest time a broadcast may block the event loop. Unnoticeable, and far above the cost of switching."""
SUBSCRIPTIONS_PER_CLOCK_CHECK: Final = 32
"""Subscriptions served between two reads of the clock. They take a third of a millisecond."""
DRAIN_TIMEOUT_S: Final = 3.0
"""Longest time a drain waits for streams to end. It does not wait for clients that do not read."""


class _Broadcast:
    """An interruptible walk through subscriptions of a topic. ``is_full``: through all of them."""

    __slots__ = ("is_full", "subscriptions", "topic")

    def __init__(self, topic: PollTopic, subscriptions: Iterable[Subscription], *, is_full: bool) -> None:
        self.topic = topic
        self.is_full = is_full
        self.subscriptions = iter(list(subscriptions))


class Hub:
    """The topics and streams of one process. Not thread-safe: for the event loop's thread only."""

    def __init__(self, *, slice_s: float = SLICE_S, clock: Callable[[], float] = time.perf_counter) -> None:
        self._slice_s = slice_s
        self._clock = clock
        self._topics: dict[str, PollTopic] = {}
        self._broadcasts: deque[_Broadcast] = deque()
        self._is_scheduled = False
        self._streams: set[Subscriber] = set()
        self._all_left = asyncio.Event()
        self.revocable = RevocableStreams()
        self.is_draining = False

    @property
    def topics(self) -> list[PollTopic]:
        """Return the topics that have subscribers."""
        return list(self._topics.values())

    @property
    def watched(self) -> list[str]:
        """Return the ids of the polls that have subscribers."""
        return list(self._topics)

    @property
    def streams(self) -> int:
        """Return the number of open streams."""
        return len(self._streams)

    def topic(self, poll_id: str) -> PollTopic | None:
        """Return the topic of a poll, or None if the poll has no subscribers."""
        return self._topics.get(poll_id)

    def join(self, subscriber: Subscriber) -> None:
        """Register an open stream. It must call ``remove_subscriber`` when it ends."""
        self._streams.add(subscriber)
        self._all_left.clear()

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        """Remove a stream. It must have unsubscribed from all polls."""
        self._streams.discard(subscriber)
        self.revocable.discard(subscriber)
        if not self._streams:
            self._all_left.set()

    def watch(self, poll_id: str, subscriber: Subscriber, role: ReaderRole, min_batch: int) -> None:
        """Subscribe to a poll as ``role``, from the first update of read batch ``min_batch`` on.

        A second call renews the subscription: it sends the complete results again, with the new role.
        """
        topic = self._topics.get(poll_id)
        if topic is None:
            topic = self._topics[poll_id] = PollTopic(poll_id)
        subscription = topic.subscriptions.get(subscriber)
        if subscription is None:
            subscription = topic.subscriptions[subscriber] = Subscription(subscriber, role, min_batch)
        else:
            subscription.subscriber = subscriber
            subscription.role_index = ROLE_INDEX[role]
            subscription.min_batch = min_batch
            subscription.sent_key = None
        topic.new_subscriptions.append(subscription)

    def unwatch(self, poll_id: str, subscriber: Subscriber) -> None:
        """Unsubscribe from a poll. The last subscriber takes the topic and its timers with it."""
        topic = self._topics.get(poll_id)
        if topic is None:
            return
        subscription = topic.subscriptions.pop(subscriber, None)
        if subscription is not None:
            subscription.subscriber = None
        if not topic.subscriptions:
            del self._topics[poll_id]
            topic.cancel_timers()

    def publish(self, topic: PollTopic, update: ResultUpdate) -> bool:
        """Store an update and send it to new subscribers at once. Return True if it is news for the others.

        The others wait for ``broadcast``. The first update of a topic is never news, because all its
        subscribers are new. An update older than the stored one is not sent. It still proves that the stored
        one is fresh enough for subscriptions that waited for its batch.
        """
        before = topic.newest
        topic.newest_batch = max(topic.newest_batch, update.batch)
        is_news = False
        if before is None or update.position >= before.position:
            is_news = before is not None and update.state != before.state
            topic.newest = update
        self._send_initial(topic)
        return is_news

    def broadcast(self, topic: PollTopic) -> None:
        """Send every subscriber the newest frame of its role. Starts in the next iteration of the loop."""
        if topic.is_broadcasting:
            topic.broadcast_again = True
            return
        topic.is_broadcasting = True
        self._start(_Broadcast(topic, topic.subscriptions.values(), is_full=True))

    def end(self, topic: PollTopic) -> None:
        """Close the topic of a poll that does not exist any more, and notify every subscriber."""
        if self._topics.get(topic.poll_id) is not topic:
            return
        del self._topics[topic.poll_id]
        topic.cancel_timers()
        topic.is_deleted = True
        self._start(_Broadcast(topic, topic.subscriptions.values(), is_full=True))

    async def drain(self, spread_ms: int) -> None:
        """Ask every stream to reconnect, each after a different time within ``spread_ms``.

        Return once all streams have ended, or after ``DRAIN_TIMEOUT_S``. From now on ``is_draining`` is set
        and new streams are rejected.
        """
        self.is_draining = True
        streams = list(self._streams)
        random.shuffle(streams)  # else the oldest streams would always reconnect first
        for number, subscriber in enumerate(streams, start=1):
            subscriber.ask_to_reconnect(spread_ms * number // len(streams))
            if number % 100 == 0:
                await asyncio.sleep(0)
        if self._streams:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_left.wait(), DRAIN_TIMEOUT_S)

    def _send_initial(self, topic: PollTopic) -> None:
        """Start a broadcast to the new subscriptions for which the newest batch is fresh enough."""
        if not topic.new_subscriptions:
            return
        newest_batch = topic.newest_batch
        ready = [one for one in topic.new_subscriptions if one.min_batch <= newest_batch]
        topic.new_subscriptions = [one for one in topic.new_subscriptions if one.min_batch > newest_batch]
        if ready:
            self._start(_Broadcast(topic, ready, is_full=False))

    def _start(self, broadcast: _Broadcast) -> None:
        self._broadcasts.append(broadcast)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Run one slice: serve the broadcasts round-robin until all are done or the time is up."""
        deadline = self._clock() + self._slice_s
        while self._broadcasts:
            current = self._broadcasts[0]
            send = self._remove_all if current.topic.is_deleted else self._send_all
            while some := list(islice(current.subscriptions, SUBSCRIPTIONS_PER_CLOCK_CHECK)):
                send(current.topic, some)
                if self._clock() >= deadline:
                    self._broadcasts.rotate(-1)
                    asyncio.get_running_loop().call_soon(self._run)
                    return
            self._broadcasts.popleft()
            self._finish(current)
        self._is_scheduled = False

    def _finish(self, broadcast: _Broadcast) -> None:
        topic = broadcast.topic
        if not broadcast.is_full or topic.is_deleted:
            return
        if topic.broadcast_again:
            topic.broadcast_again = False
            self._broadcasts.append(_Broadcast(topic, topic.subscriptions.values(), is_full=True))
        else:
            topic.is_broadcasting = False

    def _send_all(self, topic: PollTopic, subscriptions: Iterable[Subscription]) -> None:
        """Send the newest frame to these subscriptions. A failure of one does not end the broadcast.

        Everything is inlined, because this loop is the whole cost of a delivery in the hub.
        """
        newest, newest_batch, poll_id = topic.newest, topic.newest_batch, topic.poll_id
        if newest is None:
            return
        frames, sent = newest.frames, 0
        for subscription in subscriptions:
            subscriber = subscription.subscriber
            if subscriber is None or subscription.min_batch > newest_batch:
                continue
            frame = frames[subscription.role_index]
            if frame is None:
                self._remove(topic, subscription)
            elif (key := frame.dedup_key) != subscription.sent_key:
                subscription.sent_key = key
                sent += 1
                try:
                    subscriber.send_latest(poll_id, frame)
                except Exception:
                    log.exception("Subscriber failed to accept a frame")
        FRAMES.inc(sent)

    def _remove_all(self, topic: PollTopic, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            self._remove(topic, subscription)

    def _remove(self, topic: PollTopic, subscription: Subscription) -> None:
        """End a subscription. The stream responds by calling ``unwatch``, which empties the topic."""
        subscriber, subscription.subscriber = subscription.subscriber, None
        if subscriber is None:
            return
        try:
            subscriber.poll_deleted(topic.poll_id)
        except Exception:
            log.exception("Subscriber failed to handle a deleted poll")
