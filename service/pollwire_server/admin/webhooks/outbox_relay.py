"""Outbox relay: moves events from the outboxes of polls to the queues of webhooks.

Mechanism. One worker at a time has the relay lease in the store. Another worker takes over when the lease
expires. The relay scans the outboxes of polls that are due and of polls with a change notification, up to
``MAX_BATCH_SIZE`` in one round trip. It adds each event to the queues of all webhooks that subscribe to it
and then removes it from the outbox. The relay reads the webhooks after it finds the event. So a webhook that
was created before the event never misses it.

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
from pollwire_server.domain.events import Audience, Event, EventKind, is_sent_to, payload_of
from pollwire_server.domain.instant_runoff import RunoffResult
from pollwire_server.domain.poll import Kind
from pollwire_server.store import Store
from pollwire_server.store.transport.cancellation import raise_if_cancelled
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.store.webhooks.delivery_queue import QueuedEvent
from pollwire_server.store.webhooks.outbox import DuePoll, OutboxScan

log = logging.getLogger("pollwire.admin")

MAX_BATCH_SIZE: Final = 100
MARK_ALL_INTERVAL_S: Final = 3600.0
"""Interval of full scans. It limits the delay of events if the store loses the list of due polls."""
MAX_NOTIFIED: Final = 100_000


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
        self._has_lease = False
        self._wants_progress = False
        self._scan_at: dict[str, float] = {}
        """Time of the next scan of polls with a notification (monotonic seconds), by place."""
        self._scanned: dict[str, tuple[int, float]] = {}
        """Version and time of the last notification that caused an immediate scan, by place."""
        store.notifications.on_change(self.on_change)

    def on_change(self, notice: ChangeNotification) -> None:
        """Schedule a scan: now if the notification may mean an event, else when progress is due."""
        if not self._has_lease:
            return
        place, now_s = self._outbox.place_of(notice.poll_id), time.monotonic()
        version, scanned_s = self._scanned.get(place, (-1, float("-inf")))
        if notice.version == version and not self._wants_progress:
            return
        pause_s = self._timing.progress_ms / 1000
        scan_at_s = now_s if notice.version != version else max(now_s, scanned_s + pause_s)
        if scan_at_s < self._scan_at.get(place, float("inf")) and len(self._scan_at) < MAX_NOTIFIED:
            self._scan_at[place] = scan_at_s
            self._wake.set()
        if scan_at_s == now_s:
            if len(self._scanned) >= MAX_NOTIFIED:
                self._scanned.clear()
            self._scanned[place] = (notice.version, now_s)

    async def run(self) -> None:
        """Relay events while this worker has the lease, until cancelled."""
        marked_s = float("-inf")
        try:
            while True:
                self._wake.clear()
                wait_s = self._timing.scan_interval_s
                with contextlib.suppress(PollwireError):
                    self._has_lease = await self._store.outbox.acquire_lease(
                        self._name, self._timing.relay_lease_ms
                    )
                    if self._has_lease:
                        if self._webhooks.known() and time.monotonic() - marked_s > MARK_ALL_INTERVAL_S:
                            await self._outbox.mark_all_due()
                            marked_s = time.monotonic()
                        wait_s = min(wait_s, await self._run_once())
                raise_if_cancelled()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            if self._has_lease:
                self._has_lease = False
                with contextlib.suppress(PollwireError):
                    await self._outbox.release_lease(self._name)

    async def _run_once(self) -> float:
        """Scan all outboxes that are due. Return the seconds until the next one is due."""
        self._wants_progress = any(webhook.wants_progress for webhook in self._webhooks.known().values())
        began_s, now = time.monotonic(), await self._store.polls.now()
        dues = await self._outbox.dues()
        due_now = [due for due in dues if due.at <= now]
        notified = [place for place, at_s in self._scan_at.items() if at_s <= began_s][:MAX_BATCH_SIZE]
        for place in notified:
            del self._scan_at[place]
        await self._scan(
            due_now, [place for place in notified if place not in {due.place for due in due_now}]
        )
        waits = [(due.at - now) / 1000 for due in dues if due.at > now][:1]
        waits += [min(self._scan_at.values()) - began_s] if self._scan_at else []
        return max(0.0, min(waits, default=self._timing.scan_interval_s))

    async def _scan(self, dues: Sequence[DuePoll], notified: Sequence[str]) -> None:
        places = [*(due.place for due in dues), *notified]
        pause = self._timing.progress_ms if self._wants_progress else None
        scans = await self._outbox.scan_many(places, pause) if places else []
        for position, (place, scan) in enumerate(zip(places, scans, strict=True)):
            if isinstance(scan, OutboxScan):
                self._store.resolutions.resume_if_stalled(place.partition(" ")[0], scan.scoring)
            if isinstance(scan, OutboxScan) and await self._enqueue(place, scan):
                if position < len(dues):
                    await self._outbox.reschedule(dues[position], scan)
                elif scan.next_at is not None:
                    self._schedule_scan(place, scan.next_at - scan.now)
            else:
                self._schedule_scan(place, self._timing.progress_ms // 10)

    def _schedule_scan(self, place: str, after_ms: int) -> None:
        """Schedule a scan of the poll, unless it is so late that the store's list of due polls covers it."""
        if after_ms <= self._timing.progress_ms:
            at_s = time.monotonic() + after_ms / 1000
            self._scan_at[place] = min(at_s, self._scan_at.get(place, at_s))

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
            ranked = await self._store.ranked_results.with_runoff(reading)
            tally = ranked.reading.tally
            if ranked.outcome and (tally.epoch, tally.seq) == (event.tally.epoch, event.tally.seq):
                runoffs[event.id] = ranked.outcome
        return runoffs

    async def _enqueue(self, place: str, scan: OutboxScan) -> bool:
        """Add the events to the queues of their webhooks. Return False if the scan must be repeated."""
        if not scan.entries:
            if not scan.is_there and (moved := await self._outbox.moved(place)) is not None:
                self._schedule_scan(moved, 0)
            return True
        webhooks = await self._webhooks.read_fresh()
        waiting = waiting_for(webhooks, scan.events, await self._runoffs_of(scan.events) if webhooks else {})
        if not all(await self._store.delivery_queue.enqueue(waiting)):
            return False
        if waiting:
            self._wake_deliverer.set()
        await self._outbox.acknowledge(place, scan.entries)
        if scan.is_full:
            self._schedule_scan(place, 0)
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
        for webhook, stored in webhooks.items():
            if not stored.wants(event) or not is_sent_to(event, stored.results):
                continue
            if stored.results not in bodies:
                bodies[stored.results] = msgspec.json.encode(
                    payload_of(event, stored.results, runoffs.get(event.id))
                )
            waiting.append(
                (webhook, QueuedEvent(event.poll.id, event.id, event.kind, bodies[stored.results]))
            )
    return waiting
