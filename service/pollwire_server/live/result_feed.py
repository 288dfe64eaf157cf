"""What changed in the store, brought to the hub; it converges even when every notice is lost.

Four things make the feed look at a watched poll, and none of them is trusted:
a notice that something changed, the moment at which the window opens or
closes (reckoned from the store's own clock), a sweep that compares positions,
and a reader who came. Each only makes a poll due; what is shown is always a
read of the store.

Pace: the first change after quiet is read and delivered at once; after that a
poll is delivered at most ``stream_hz`` times a second. Whatever happens
between two deliveries makes the poll due again, so the last change is always
delivered. When the store does not answer, due polls stay due, readers keep
their streams, and the truth arrives with the store: as a newer position, a
new epoch, or the news that the poll is gone.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Final

from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import Phase
from pollwire_server.live.batched_reader import Answered, BatchedReader
from pollwire_server.live.hub import Hub, Subscriber
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store import Store
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.telemetry.metrics import LAG_SECONDS

log = logging.getLogger("pollwire.live")

SWEEP_S: Final = 1.5
"""Between two comparisons of positions: the longest that a lost notice can go unseen."""
SWEEPS_OF_ALL: Final = 10
"""Each so-many-th sweep looks at polls that have ended, too: an operator may have reopened one."""
RETRY_S: Final = 0.25
"""Between two reads of a due poll while the store is away."""
DELIVERY_GRID_S: Final = 0.005
"""Deliveries fall on multiples of this, so that busy polls share round trips."""
MAX_TIMER_S: Final = 60.0
"""The window's next moment is reckoned anew at least so often: the store's clock may be set."""


_MAY_BE_CANCELED: Final = (Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED)
"""Phases in which a prediction still waits for its outcome, and for the hour by which it must have one."""


class _WatchedPoll:
    """When a poll was last delivered, and what is booked for it."""

    __slots__ = ("due", "is_stale", "moment", "next_at", "notified_at", "poll_id")

    def __init__(self, poll_id: str) -> None:
        self.poll_id = poll_id
        self.next_at = 0.0
        self.is_stale = False
        self.notified_at: float | None = None
        """When a change was told of that is not delivered yet."""
        self.due: asyncio.TimerHandle | None = None
        self.moment: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        for handle in (self.due, self.moment):
            if handle is not None:
                handle.cancel()


class ResultFeed:
    """Keeps a hub's rooms at the truth. ``run`` it beside the store's notices."""

    def __init__(self, store: Store, hub: Hub, *, stream_hz: float, sweep_s: float = SWEEP_S) -> None:
        self._store = store
        self._hub = hub
        self._interval_s = 1 / stream_hz
        self._sweep_s = sweep_s
        self._watched: dict[str, _WatchedPoll] = {}
        self._reads = BatchedReader(store.results.read_many, arrived=self._on_read, failed=self._failed)
        self.latest_store_time = 0
        """The latest instant that the store's clock was seen to show (ms)."""
        store.notices.on_notice(self._on_notice)
        store.notices.on_gap(self._on_gap)

    async def read_fresh(self, poll_id: str) -> ResultUpdate:
        """The poll by a read that begins from now on; those who ask meanwhile share it.

        Raises ``PollNotFound``, ``StoreUnavailable``, ``Overloaded``.
        """
        return await self._reads.fresh(poll_id)

    def request_read(self, poll_id: str, answered: Answered) -> None:
        """``fresh`` for callers that have no task to wait in."""
        self._reads.ask(poll_id, answered)

    def watch(self, poll_id: str, subscriber: Subscriber, reader: ReaderRole) -> None:
        """Shows the poll to ``subscriber``: the whole results by a read that begins now, then every change.

        While the store is away the first frame is what waits, not the caller.
        """
        if poll_id not in self._watched:
            self._watched[poll_id] = _WatchedPoll(poll_id)
        self._hub.watch(poll_id, subscriber, reader, self._reads.next_batch)
        self._reads.ask(poll_id)

    def unwatch(self, poll_id: str, subscriber: Subscriber) -> None:
        """Ends what ``watch`` began; no harm where nothing did."""
        if self._hub.unwatch(poll_id, subscriber):
            self._forget(poll_id)

    async def run(self) -> None:
        """Sweeps for ever."""
        count = 0
        while True:
            await asyncio.sleep(self._sweep_s)
            count += 1
            try:
                await self._sweep(with_ended=count % SWEEPS_OF_ALL == 0)
            except PollwireError as error:
                log.debug("A sweep was left out: %s", error.detail)
            except Exception:
                log.exception("A sweep failed.")

    def _on_notice(self, notice: ChangeNotification) -> None:
        watched = self._watched.get(notice.poll_id)
        if watched is None:
            return
        newest = self._hub.newest(notice.poll_id)
        if notice.gone or newest is None or (notice.epoch, notice.seq, notice.version) > newest.position[:3]:
            if watched.notified_at is None:
                watched.notified_at = asyncio.get_running_loop().time()
            self._schedule_read(watched)

    def _on_gap(self) -> None:
        """Anything may have been missed."""
        for watched in list(self._watched.values()):
            self._schedule_read(watched)

    async def _sweep(self, *, with_ended: bool) -> None:
        polls = [poll for poll in self._hub.watched if with_ended or not self._has_ended(poll)]
        if not polls:
            return
        for poll_id, standing in (await self._store.results.positions(polls)).items():
            watched = self._watched.get(poll_id)
            newest = self._hub.newest(poll_id)
            if watched is None or newest is None:
                continue
            held = (*newest.position[:3], newest.phase)
            if standing is None or (standing.epoch, standing.seq, standing.version, standing.phase) != held:
                self._schedule_read(watched)

    def _has_ended(self, poll_id: str) -> bool:
        newest = self._hub.newest(poll_id)
        return newest is not None and newest.phase.is_over

    def _on_read(self, change: ResultUpdate) -> None:
        self.latest_store_time = max(self.latest_store_time, change.now)
        watched = self._watched.get(change.poll.id)
        if watched is None:
            return
        self._schedule_transition(watched, change)
        if self._hub.publish(change):
            watched.is_stale = True
        if watched.is_stale:
            self._deliver(watched)

    def _failed(self, poll_id: str, error: PollwireError) -> None:
        watched = self._watched.get(poll_id)
        if watched is None:
            return
        if isinstance(error, PollNotFound):
            self._forget(poll_id)
            self._hub.end(poll_id)
        elif watched.due is None:
            self._book(watched, RETRY_S)

    def _schedule_read(self, watched: _WatchedPoll) -> None:
        """Has the poll read as soon as its pace allows; once, however often it is asked for."""
        if watched.due is not None:
            return
        wait_s = watched.next_at - asyncio.get_running_loop().time()
        if wait_s > 0:
            self._book(watched, wait_s)
        else:
            self._reads.ask(watched.poll_id)

    def _book(self, watched: _WatchedPoll, wait_s: float) -> None:
        watched.due = asyncio.get_running_loop().call_later(wait_s, self._is_due, watched)

    def _is_due(self, watched: _WatchedPoll) -> None:
        watched.due = None
        self._reads.ask(watched.poll_id)

    def _deliver(self, watched: _WatchedPoll) -> None:
        """Delivers now where the pace allows it; else the poll is read and delivered when it does."""
        if watched.due is not None:
            return
        now = asyncio.get_running_loop().time()
        if now < watched.next_at:
            self._book(watched, watched.next_at - now)
            return
        watched.is_stale = False
        if watched.notified_at is not None:
            LAG_SECONDS.observe(now - watched.notified_at)
            watched.notified_at = None
        watched.next_at = self._next_at(watched.next_at, now)
        self._hub.broadcast(watched.poll_id)

    def _next_at(self, was_due: float, now: float) -> float:
        """One interval on.

        From when this delivery was due, so that what it took does not slow the pace; after quiet, from now,
        on a grain that busy polls share.
        """
        if now - was_due < self._interval_s:
            return was_due + self._interval_s
        return math.ceil((now + self._interval_s) / DELIVERY_GRID_S) * DELIVERY_GRID_S

    def _schedule_transition(self, watched: _WatchedPoll, change: ResultUpdate) -> None:
        """Looks again when the clock next moves the poll by itself, reckoned from the read's own instant."""
        if watched.moment is not None:
            watched.moment.cancel()
            watched.moment = None
        moment = next_transition_at(change)
        if moment is not None:
            wait_s = min(max((moment - change.now) / 1000, 0.001), MAX_TIMER_S)
            watched.moment = asyncio.get_running_loop().call_later(wait_s, self._reads.ask, watched.poll_id)

    def _forget(self, poll_id: str) -> None:
        watched = self._watched.pop(poll_id, None)
        if watched is not None:
            watched.cancel()


def next_transition_at(change: ResultUpdate) -> int | None:
    """The next instant (ms, the store's clock) at which time alone changes what is shown; None: never."""
    poll = change.poll
    instants = [poll.opens_at, poll.visible_at]
    if not change.phase.is_over:
        instants.append(poll.closes_at)
    if change.phase in _MAY_BE_CANCELED:
        instants.append(poll.resolve_by)
    return min(
        (instant for instant in instants if instant is not None and instant > change.now), default=None
    )
