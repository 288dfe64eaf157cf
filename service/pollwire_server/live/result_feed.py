"""Result feed: turns changes in the store into broadcasts. It converges even if all notifications are lost.

Results flow one way: notification -> schedule -> read -> publish -> broadcast. The feed schedules. The
batched reader reads. The hub publishes to new subscribers and broadcasts to all.

Four events cause a read of a watched poll, and none of them is trusted to be complete or correct:

- a change notification of the store;
- a transition of the poll's window, predicted from the store's own clock;
- a periodic sweep, which compares positions;
- a new subscription.

Each of them only schedules a read. What clients receive is always a read of the store.

Pace: the first change after a quiet time is read and broadcast at once. After that a poll is broadcast at
most ``stream_hz`` times a second. A change between two broadcasts schedules another read, so the last change
is always broadcast. While the store is unavailable, scheduled reads are retried and clients keep their
streams. Once it is back, they receive a newer position, a new epoch, or the deletion of the poll.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Final

from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import Phase
from pollwire_server.live.batched_reader import BatchedReader, OnRead
from pollwire_server.live.hub import Hub
from pollwire_server.live.poll_topic import PollTopic, Subscriber
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store import Store
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.telemetry.metrics import LAG_SECONDS

log = logging.getLogger("pollwire.live")

SWEEP_S: Final = 1.5
"""Time between two sweeps. A lost notification goes unnoticed for at most this long."""
FULL_SWEEP_EVERY: Final = 10
"""Every Nth sweep includes ended polls, which an operator may have reopened."""
RETRY_S: Final = 0.25
"""Time between two reads of a poll while the store is unavailable."""
DELIVERY_GRID_S: Final = 0.005
"""Broadcasts are aligned to multiples of this, so that busy polls share round trips."""
MAX_TIMER_S: Final = 60.0
"""The next transition is predicted again at least this often, because the store's clock may be adjusted."""


_MAY_BE_CANCELED: Final = (Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED)
"""Phases in which a prediction still needs an outcome, and is canceled if it has none at ``resolve_by``."""


class ResultFeed:
    """Keeps the topics of a hub up to date. Runs beside the store's notifications (``run``)."""

    def __init__(self, store: Store, hub: Hub, *, stream_hz: float, sweep_s: float = SWEEP_S) -> None:
        self._store = store
        self._hub = hub
        self._interval_s = 1 / stream_hz
        self._sweep_s = sweep_s
        self._reader = BatchedReader(
            store.results.read_many,
            on_read=self._on_read,
            on_failure=self._on_failure,
            count_runoff=store.ranked_results.with_runoff,
        )
        self.latest_store_time = 0
        """Latest instant (ms) that was read from the store's clock."""
        store.notifications.on_change(self._on_change)
        store.notifications.on_gap(self._on_gap)

    async def read_fresh(self, poll_id: str) -> ResultUpdate:
        """Return the poll from a read that starts after this call. Concurrent callers share one read.

        Raises ``PollNotFound``, ``StoreUnavailable``, ``Overloaded``.
        """
        return await self._reader.read_fresh(poll_id)

    def request_read(self, poll_id: str, on_read: OnRead) -> None:
        """Call ``on_read`` with a fresh read. For callers without a task. Raises ``Overloaded``."""
        self._reader.request(poll_id, on_read)

    def watch(self, poll_id: str, subscriber: Subscriber, role: ReaderRole) -> None:
        """Subscribe to a poll. The first frame comes from a read that starts now, then every change follows.

        Does not wait. While the store is unavailable the first frame is late.
        """
        self._hub.watch(poll_id, subscriber, role, self._reader.next_batch)
        self._reader.request(poll_id)

    def unwatch(self, poll_id: str, subscriber: Subscriber) -> None:
        """Unsubscribe from a poll. Does nothing if the subscriber does not watch it."""
        self._hub.unwatch(poll_id, subscriber)

    async def run(self) -> None:
        """Run the periodic sweep until cancelled."""
        count = 0
        while True:
            await asyncio.sleep(self._sweep_s)
            count += 1
            try:
                await self._sweep(with_ended=count % FULL_SWEEP_EVERY == 0)
            except PollwireError as error:
                log.debug("Sweep skipped: %s", error.detail)
            except Exception:
                log.exception("Sweep failed")

    def _on_change(self, notification: ChangeNotification) -> None:
        topic = self._hub.topic(notification.poll_id)
        if topic is None:
            return
        newest, position = topic.newest, (notification.epoch, notification.seq, notification.version)
        if notification.gone or newest is None or position > newest.position[:3]:
            if topic.notified_at is None:
                topic.notified_at = asyncio.get_running_loop().time()
            self._schedule_read(topic)

    def _on_gap(self) -> None:
        """Schedule a read of every topic, because notifications may have been lost."""
        for topic in self._hub.topics:
            self._schedule_read(topic)

    async def _sweep(self, *, with_ended: bool) -> None:
        polls = [topic.poll_id for topic in self._hub.topics if with_ended or not _has_ended(topic)]
        if not polls:
            return
        for poll_id, state in (await self._store.results.positions(polls)).items():
            topic = self._hub.topic(poll_id)
            if topic is None or topic.newest is None:
                continue
            known = (*topic.newest.position[:3], topic.newest.phase)
            if state is None or (state.epoch, state.seq, state.version, state.phase) != known:
                self._schedule_read(topic)

    def _on_read(self, update: ResultUpdate) -> None:
        self.latest_store_time = max(self.latest_store_time, update.now)
        topic = self._hub.topic(update.poll.id)
        if topic is None:
            return
        self._schedule_transition(topic, update)
        if self._hub.publish(topic, update):
            topic.has_unsent_update = True
        if topic.has_unsent_update:
            self._broadcast(topic)

    def _on_failure(self, poll_id: str, error: PollwireError) -> None:
        topic = self._hub.topic(poll_id)
        if topic is None:
            return
        if isinstance(error, PollNotFound):
            self._hub.end(topic)
        elif topic.read_timer is None:
            self._read_after(topic, RETRY_S)

    def _schedule_read(self, topic: PollTopic) -> None:
        """Read the poll as soon as its pace allows. Repeated calls schedule one read."""
        if topic.read_timer is not None:
            return
        wait_s = topic.next_delivery_at - asyncio.get_running_loop().time()
        if wait_s > 0:
            self._read_after(topic, wait_s)
        else:
            self._reader.request(topic.poll_id)

    def _read_after(self, topic: PollTopic, wait_s: float) -> None:
        topic.read_timer = asyncio.get_running_loop().call_later(wait_s, self._on_read_timer, topic)

    def _on_read_timer(self, topic: PollTopic) -> None:
        topic.read_timer = None
        self._reader.request(topic.poll_id)

    def _broadcast(self, topic: PollTopic) -> None:
        """Broadcast now if the pace allows it. Otherwise read and broadcast the poll when it does."""
        if topic.read_timer is not None:
            return
        now = asyncio.get_running_loop().time()
        if now < topic.next_delivery_at:
            self._read_after(topic, topic.next_delivery_at - now)
            return
        topic.has_unsent_update = False
        if topic.notified_at is not None:
            LAG_SECONDS.observe(now - topic.notified_at)
            topic.notified_at = None
        topic.next_delivery_at = self._next_delivery_at(topic.next_delivery_at, now)
        self._hub.broadcast(topic)

    def _next_delivery_at(self, was_due: float, now: float) -> float:
        """Return the earliest instant of the next broadcast, one interval later.

        The interval starts when this broadcast was due, so that its own duration does not slow the pace.
        After a quiet time it starts now, aligned to a grid that busy polls share.
        """
        if now - was_due < self._interval_s:
            return was_due + self._interval_s
        return math.ceil((now + self._interval_s) / DELIVERY_GRID_S) * DELIVERY_GRID_S

    def _schedule_transition(self, topic: PollTopic, update: ResultUpdate) -> None:
        """Schedule a read for the next transition, counted from the store's time of the last read."""
        if topic.transition_timer is not None:
            topic.transition_timer.cancel()
            topic.transition_timer = None
        at = next_transition_at(update)
        if at is not None:
            wait_s = min(max((at - update.now) / 1000, 0.001), MAX_TIMER_S)
            topic.transition_timer = asyncio.get_running_loop().call_later(
                wait_s, self._reader.request, topic.poll_id
            )


def _has_ended(topic: PollTopic) -> bool:
    return topic.newest is not None and topic.newest.phase.is_over


def next_transition_at(update: ResultUpdate) -> int | None:
    """Return the next instant (ms, the store's clock) at which time alone changes the results, or None."""
    poll = update.poll
    instants = [poll.opens_at, poll.visible_at]
    if not update.phase.is_over:
        instants.append(poll.closes_at)
    if update.phase in _MAY_BE_CANCELED:
        instants.append(poll.resolve_by)
    return min(
        (instant for instant in instants if instant is not None and instant > update.now), default=None
    )
