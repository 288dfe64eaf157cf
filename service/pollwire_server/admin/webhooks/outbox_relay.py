"""Outbox relay: moves events from the outboxes of polls to the queues of webhooks.

Mechanism. One worker at a time has the relay lease in the store. Another worker takes over when the lease
expires. The relay scans the outboxes of polls that are due and of polls with a change notification, up to
``MOST_AT_ONCE`` in one round trip. It adds each event to the queues of all webhooks that subscribe to it, and
then removes it from the outbox. The relay reads the webhooks after it finds the event. So a webhook that was
created before the event never misses it.

The lease only saves work. Two concurrent relays would find the same events, and each queue stores an event
once.

Stalled scoring. If a process dies while it scores voters or undoes their scores, the scan finds this, and the
relay resumes the scoring (``resolutions``).

Progress events. The scan itself creates them, for an open poll with votes, at most once in ``progress_ms``.
Casting a vote does no work for them. Notifications within this interval cause one scan at its end, so the
last change is reported too. While no webhook subscribes to progress, notifications of votes are ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pollwire_server.admin.webhooks.registry import StoredWebhook, WebhookRegistry
from pollwire_server.admin.webhooks.timing import WebhookTiming
from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.events import Audience, Event, EventKind, payload_of
from pollwire_server.domain.instant_runoff import RunoffResult
from pollwire_server.domain.poll import Kind
from pollwire_server.store import Store
from pollwire_server.store.transport.cancellation import raise_if_cancelled
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.store.webhooks.delivery_queue import QueuedEvent
from pollwire_server.store.webhooks.outbox import DuePoll, OutboxScan

log = logging.getLogger("pollwire.admin")

MOST_AT_ONCE: Final = 100
WALK_EVERY_S: Final = 3600.0
"""Interval of full scans. It limits the delay of events if the store loses the list of due polls."""
MOST_HEARD: Final = 100_000


class OutboxRelay:
    """Background task of one worker that relays events while it has the lease."""

    def __init__(
        self, store: Store, webhooks: WebhookRegistry, timing: WebhookTiming, wake: asyncio.Event
    ) -> None:
        self._store = store
        self._outbox = store.outbox
        self._webhooks = webhooks
        self._timing = timing
        self._wake_deliverer = wake
        self._wake = asyncio.Event()
        self._name = secrets.token_hex(8)
        self._has_turn = False
        self._wants_progress = False
        self._heard: dict[str, float] = {}
        """Time of the next scan of polls with a notification (monotonic seconds), by place."""
        self._looked: dict[str, tuple[int, float]] = {}
        """Version and time of the last notification that caused an immediate scan, by place."""
        store.notifications.on_change(self.on_change)

    def on_change(self, notice: ChangeNotification) -> None:
        """Schedule a scan: now if the notification may mean an event, else when progress is due."""
        if not self._has_turn:
            return
        place, now_s = self._outbox.place_of(notice.poll_id), time.monotonic()
        version, looked_s = self._looked.get(place, (-1, float("-inf")))
        if notice.version == version and not self._wants_progress:
            return
        pause_s = self._timing.progress_ms / 1000
        look_s = now_s if notice.version != version else max(now_s, looked_s + pause_s)
        if look_s < self._heard.get(place, float("inf")) and len(self._heard) < MOST_HEARD:
            self._heard[place] = look_s
            self._wake.set()
        if look_s == now_s:
            if len(self._looked) >= MOST_HEARD:
                self._looked.clear()
            self._looked[place] = (notice.version, now_s)

    async def run(self) -> None:
        """Relay events while this worker has the lease, until cancelled."""
        walked_s = float("-inf")
        try:
            while True:
                self._wake.clear()
                wait_s = self._timing.look_every_s
                with contextlib.suppress(PollwireError):
                    self._has_turn = await self._store.outbox.acquire_lease(self._name, self._timing.turn_ms)
                    if self._has_turn:
                        if self._webhooks.known() and time.monotonic() - walked_s > WALK_EVERY_S:
                            await self._outbox.mark_all_due()
                            walked_s = time.monotonic()
                        wait_s = min(wait_s, await self._run_once())
                raise_if_cancelled()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            if self._has_turn:
                self._has_turn = False
                with contextlib.suppress(PollwireError):
                    await self._outbox.release_lease(self._name)

    async def _run_once(self) -> float:
        """Scan all outboxes that are due. Return the seconds until the next one is due."""
        self._wants_progress = any(webhook.wants_progress for webhook in self._webhooks.known().values())
        began_s, now = time.monotonic(), await self._store.polls.now()
        dues = await self._outbox.dues()
        ripe = [due for due in dues if due.at <= now]
        heard = [place for place, at_s in self._heard.items() if at_s <= began_s][:MOST_AT_ONCE]
        for place in heard:
            del self._heard[place]
        await self._look(ripe, [place for place in heard if place not in {due.place for due in ripe}])
        waits = [(due.at - now) / 1000 for due in dues if due.at > now][:1]
        waits += [min(self._heard.values()) - began_s] if self._heard else []
        return max(0.0, min(waits, default=self._timing.look_every_s))

    async def _look(self, dues: Sequence[DuePoll], heard: Sequence[str]) -> None:
        places = [*(due.place for due in dues), *heard]
        pause = self._timing.progress_ms if self._wants_progress else None
        looks = await self._outbox.scan_many(places, pause) if places else []
        for position, (place, look) in enumerate(zip(places, looks, strict=True)):
            if isinstance(look, OutboxScan):
                self._store.resolutions.resume_if_stalled(place.partition(" ")[0], look.scoring)
            if isinstance(look, OutboxScan) and await self._handed_on(place, look):
                if position < len(dues):
                    await self._outbox.reschedule(dues[position], look)
                elif look.next_at is not None:
                    self._look_again(place, look.next_at - look.now)
            else:
                self._look_again(place, self._timing.progress_ms // 10)

    def _look_again(self, place: str, after_ms: int) -> None:
        """Schedule a scan of the poll, unless it is so late that the store's list of due polls covers it."""
        if after_ms <= self._timing.progress_ms:
            at_s = time.monotonic() + after_ms / 1000
            self._heard[place] = min(at_s, self._heard.get(place, at_s))

    async def _runoffs_of(self, events: Sequence[Event]) -> dict[str, RunoffResult]:
        """Count the ranked polls that an event reports as closed, if their totals have not changed since.

        Raises ``StoreUnavailable``.
        """
        runoffs: dict[str, RunoffResult] = {}
        for event in events:
            poll_id = event.poll.id
            if event.poll.kind is not Kind.RANKED or event.kind is not EventKind.CLOSED:
                continue
            reading = (await self._store.results.read_many([poll_id]))[poll_id]
            if isinstance(reading, PollNotFound):
                continue
            if isinstance(reading, PollwireError):
                raise reading
            counted = await self._store.ranked_results.with_runoff(reading)
            tally = counted.reading.tally
            if counted.outcome and (tally.epoch, tally.seq) == (event.tally.epoch, event.tally.seq):
                runoffs[event.id] = counted.outcome
        return runoffs

    async def _handed_on(self, place: str, look: OutboxScan) -> bool:
        """Add the events to the queues of their webhooks. Return False if the scan must be repeated."""
        if not look.entries:
            if not look.is_there and (moved := await self._outbox.moved(place)) is not None:
                self._look_again(moved, 0)
            return True
        webhooks = await self._webhooks.fresh()
        waiting = waiting_for(webhooks, look.events, await self._runoffs_of(look.events) if webhooks else {})
        if not all(await self._store.delivery_queue.enqueue(waiting)):
            return False
        if waiting:
            self._wake_deliverer.set()
        await self._outbox.acknowledge(place, look.entries)
        if look.is_full:
            self._look_again(place, 0)
        return True


def waiting_for(
    webhooks: Mapping[str, StoredWebhook],
    events: Sequence[Event],
    runoffs: Mapping[str, RunoffResult],
) -> list[tuple[str, QueuedEvent]]:
    """Return pairs of webhook and event, in the order of events. Bodies are encoded once per audience.

    ``runoffs`` has the runoff of ranked polls by the id of the event.
    """
    waiting = []
    for event in events:
        bodies: dict[Audience, bytes] = {}
        for webhook, kept in webhooks.items():
            if not kept.wants(event):
                continue
            if kept.results not in bodies:
                bodies[kept.results] = msgspec.json.encode(
                    payload_of(event, kept.results, runoffs.get(event.id))
                )
            waiting.append((webhook, QueuedEvent(event.poll.id, event.id, event.kind, bodies[kept.results])))
    return waiting
