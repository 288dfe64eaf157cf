"""From the polls' outboxes to the webhooks that want what lies there.

How. One worker at a time has the *turn* (a lease in the store, taken over when
its holder dies). It looks at the polls that are due and at those of which it
heard a notice, in one round trip for up to ``MOST_AT_ONCE``; each event that is
found goes to the strand of its poll in every webhook that wants it, and then out
of the outbox. Webhooks are read from the store after the event was found, so
one that was made before the event never misses it.

Nothing depends on the turn but the cost: two relays at one time would find the
same events, and each webhook takes an event once.

What else a look finds. Scores that are being given or taken back, and stand
still since their process died, are carried on from there (``resolutions``).

Progress. How the vote goes on is told by the look itself, of an open poll that
somebody has voted in, at most once in ``progress_ms``: the counting step does
nothing for it. What is heard of a poll within that pause makes one look at its
end, so the last change is told too. While no webhook wants progress, notices of
votes are not listened to.
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
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.events import Audience, Event, payload_of
from pollwire_server.store import Store
from pollwire_server.store.transport.cancellation import raise_if_cancelled
from pollwire_server.store.transport.notifications import ChangeNotification
from pollwire_server.store.webhooks.delivery_queue import QueuedEvent
from pollwire_server.store.webhooks.outbox import DuePoll, OutboxScan

log = logging.getLogger("pollwire.admin")

MOST_AT_ONCE: Final = 100
WALK_EVERY_S: Final = 3600.0
"""Every poll is looked at so often, whatever was marked: what a lost sorted set would cost at most."""
MOST_HEARD: Final = 100_000


class OutboxRelay:
    """One worker's part in handing events on."""

    def __init__(
        self, store: Store, webhooks: WebhookRegistry, paces: WebhookTiming, wake: asyncio.Event
    ) -> None:
        self._store = store
        self._outbox = store.outbox
        self._webhooks = webhooks
        self._paces = paces
        self._wake_deliverer = wake
        self._woken = asyncio.Event()
        self._name = secrets.token_hex(8)
        self._has_turn = False
        self._wants_progress = False
        self._heard: dict[str, float] = {}
        """When to look at polls of which a notice was heard (monotonic seconds), by place."""
        self._looked: dict[str, tuple[int, float]] = {}
        """The version and the time of the last notice that was followed at once."""
        store.notifications.on_change(self.on_change)

    def on_change(self, notice: ChangeNotification) -> None:
        """Look at once where it may be an event, else when progress may be told."""
        if not self._has_turn:
            return
        place, now_s = self._outbox.place_of(notice.poll_id), time.monotonic()
        version, looked_s = self._looked.get(place, (-1, float("-inf")))
        if notice.version == version and not self._wants_progress:
            return
        pause_s = self._paces.progress_ms / 1000
        look_s = now_s if notice.version != version else max(now_s, looked_s + pause_s)
        if look_s < self._heard.get(place, float("inf")) and len(self._heard) < MOST_HEARD:
            self._heard[place] = look_s
            self._woken.set()
        if look_s == now_s:
            if len(self._looked) >= MOST_HEARD:
                self._looked.clear()
            self._looked[place] = (notice.version, now_s)

    async def run(self) -> None:
        """Hand events on whenever it is this worker's turn, until cancelled."""
        walked_s = float("-inf")
        try:
            while True:
                self._woken.clear()
                wait_s = self._paces.look_every_s
                with contextlib.suppress(PollwireError):
                    self._has_turn = await self._store.outbox.acquire_lease(self._name, self._paces.turn_ms)
                    if self._has_turn:
                        if self._webhooks.known() and time.monotonic() - walked_s > WALK_EVERY_S:
                            await self._outbox.mark_all_due()
                            walked_s = time.monotonic()
                        wait_s = min(wait_s, await self._run_once())
                raise_if_cancelled()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
        finally:
            if self._has_turn:
                self._has_turn = False
                with contextlib.suppress(PollwireError):
                    await self._outbox.release_lease(self._name)

    async def _run_once(self) -> float:
        """One look at all that is due; how many seconds until something else is."""
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
        return max(0.0, min(waits, default=self._paces.look_every_s))

    async def _look(self, dues: Sequence[DuePoll], heard: Sequence[str]) -> None:
        places = [*(due.place for due in dues), *heard]
        pause = self._paces.progress_ms if self._wants_progress else None
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
                self._look_again(place, self._paces.progress_ms // 10)

    def _look_again(self, place: str, after_ms: int) -> None:
        """What lies further ahead is in the store's list of what is due."""
        if after_ms <= self._paces.progress_ms:
            at_s = time.monotonic() + after_ms / 1000
            self._heard[place] = min(at_s, self._heard.get(place, at_s))

    async def _handed_on(self, place: str, look: OutboxScan) -> bool:
        """Whether all that was found is with the webhooks that want it; else it is found again."""
        if not look.entries:
            if not look.is_there and (moved := await self._outbox.moved(place)) is not None:
                self._look_again(moved, 0)
            return True
        waiting = waiting_for(await self._webhooks.fresh(), look.events)
        if not all(await self._store.delivery_queue.enqueue(waiting)):
            return False
        if waiting:
            self._wake_deliverer.set()
        await self._outbox.acknowledge(place, look.entries)
        if look.is_full:
            self._look_again(place, 0)
        return True


def waiting_for(
    webhooks: Mapping[str, StoredWebhook], events: Sequence[Event]
) -> list[tuple[str, QueuedEvent]]:
    """What is to be put where, in the order of the events; each body is written once an audience."""
    waiting = []
    for event in events:
        bodies: dict[Audience, bytes] = {}
        for webhook, kept in webhooks.items():
            if not kept.wants(event):
                continue
            if kept.results not in bodies:
                bodies[kept.results] = msgspec.json.encode(payload_of(event, kept.results))
            waiting.append((webhook, QueuedEvent(event.poll.id, event.id, event.kind, bodies[kept.results])))
    return waiting
