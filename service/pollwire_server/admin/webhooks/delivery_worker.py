"""Events told to sites: claimed, sent, and written down what came of it.

Every worker does this for every webhook, ``AT_ONCE`` at a time each, so a slow
site holds up itself alone, and a worker that dies holds up an event by its
lease. What fails is tried again after growing pauses; what was tried to the
last gives the site up, unless others of its events arrived meanwhile (then the
fault is that event's, and it alone is dropped). See ``webhook_record_attempt.lua``.

When a worker stops, what it has sent gets a moment to be answered; what is not
answered by then is released, for others to tell at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Final

from pollwire_server.admin.webhooks.http_sender import DeliveryAttempt, WebhookSender
from pollwire_server.admin.webhooks.registry import StoredWebhook, WebhookRegistry
from pollwire_server.admin.webhooks.secret_encryption import SecretBox
from pollwire_server.admin.webhooks.timing import WebhookTiming
from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll_document import Document
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store import Store
from pollwire_server.store.transport.cancellation import cancel_and_wait, raise_if_cancelled
from pollwire_server.store.webhooks.delivery_queue import AttemptResult, ClaimBatch, ClaimedEvent
from pollwire_server.telemetry.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_QUEUE_SIZE

log = logging.getLogger("pollwire.admin")

AT_ONCE: Final = 2
"""Requests of one worker to one site."""
CLAIM_EVERY_S: Final = 5.0
"""Without being woken: for what another worker was handed, or left behind."""
ANSWERED_WITHIN_S: Final = 0.2
"""When the worker stops."""

_DELIVERED = WEBHOOK_ATTEMPTS.labels("delivered")
_RETRIED = WEBHOOK_ATTEMPTS.labels("retried")
_GIVEN_UP = WEBHOOK_ATTEMPTS.labels("given-up")

UNREADABLE: Final = DeliveryAttempt(
    None, "its secret cannot be read: POLLWIRE_SECRET was changed; delete the webhook and make another", 0
)


class DeliveryWorker:
    """One worker's part in telling sites."""

    def __init__(
        self,
        store: Store,
        webhooks: WebhookRegistry,
        *,
        seal: SecretBox,
        sender: WebhookSender,
        paces: WebhookTiming,
        wake: asyncio.Event,
    ) -> None:
        self._now = store.polls.now
        self._deliveries = store.delivery_queue
        self._webhooks = webhooks
        self._seal = seal
        self._sender = sender
        self._paces = paces
        self._woken = wake
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        """Events by webhook, as last heard."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Tell sites what waits for them, until cancelled."""
        try:
            while True:
                self._woken.clear()
                wait_s = await self._claim()
                raise_if_cancelled()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=ANSWERED_WITHIN_S)
            await cancel_and_wait(*self._tasks)
            await self._sender.close()

    async def _claim(self) -> float:
        """Begins all that may be told now; how many seconds until there may be more."""
        webhooks = self._webhooks.known()
        room = {one: AT_ONCE - self._busy.get(one, 0) for one in webhooks}
        found = await self._deliveries.claim(
            {one: n for one, n in room.items() if n > 0}, self._paces.lease_ms
        )
        self._waiting = {
            one: found[one].waiting if one in found else self._waiting.get(one, 0) for one in webhooks
        }
        WEBHOOK_QUEUE_SIZE.set(sum(self._waiting.values()))
        wait_s = self._paces.look_every_s * CLAIM_EVERY_S
        for webhook, claims in found.items():
            for claim in claims.claims:
                self._begin(webhook, webhooks[webhook], claim, claims)
            if claims.next_at is not None and len(claims.claims) < room[webhook]:
                wait_s = min(wait_s, max(0.01, (claims.next_at - claims.now) / 1000))
        return wait_s

    def _begin(self, webhook: str, kept: StoredWebhook, claim: ClaimedEvent, claims: ClaimBatch) -> None:
        self._busy[webhook] = self._busy.get(webhook, 0) + 1
        task = asyncio.create_task(
            self._deliver(webhook, kept, claim, claims.now), name=f"deliver {claim.id}"
        )
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(webhook, done))

    def _end(self, webhook: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy[webhook] -= 1
        if not self._busy[webhook]:
            del self._busy[webhook]
        self._woken.set()
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("An event could not be told to %s: %r", webhook, failure)

    async def _deliver(self, webhook: str, kept: StoredWebhook, claim: ClaimedEvent, now: int) -> None:
        try:
            sent = await self.attempt(kept, claim.id, claim.body)
        except asyncio.CancelledError:
            with contextlib.suppress(PollwireError):
                await self._deliveries.record_attempt(webhook, claim, "released")
            raise
        what, pause_ms = self._judged(sent, claim)
        told = attempt_document(claim, now, sent)
        with contextlib.suppress(PollwireError):  # the lease ends, and it is told again
            given_up = await self._deliveries.record_attempt(
                webhook, claim, what, pause_ms=pause_ms, error=sent.error, told=told
            )
            _log(webhook, claim, sent, given_up)
            _count(what, pause_ms)

    async def attempt(self, kept: StoredWebhook, event_id: str, body: bytes) -> DeliveryAttempt:
        """One try to tell the site."""
        secret = self._seal.decrypt(kept.secret)
        if secret is None:
            return UNREADABLE
        return await self._sender.send(kept.url, secret, event_id, body)

    def _judged(self, sent: DeliveryAttempt, claim: ClaimedEvent) -> tuple[AttemptResult, int | None]:
        if sent.is_delivered:
            return "delivered", None
        if sent.is_gone or sent is UNREADABLE:
            return "gone", None
        return "failed", self._paces.pause_after(claim.tries, random.random())


def attempt_document(claim: ClaimedEvent, at: int, sent: DeliveryAttempt) -> Document:
    """A try as operators read it among the recent ones."""
    return {
        "id": claim.id,
        "type": claim.kind,
        "poll": claim.ordering_key or None,
        "attempt": claim.tries,
        "at": format_timestamp(at),
        "delivered": sent.is_delivered,
        "status": sent.status,
        "error": sent.error or None,
        "took_ms": sent.took_ms,
    }


def _log(webhook: str, claim: ClaimedEvent, sent: DeliveryAttempt, given_up: str) -> None:
    if given_up:
        log.warning("The webhook %s is given up, nothing more is told to it: %s", webhook, given_up)
    elif not sent.is_delivered:
        log.info("The webhook %s was not told %s (try %d): %s", webhook, claim.id, claim.tries, sent.error)


def _count(what: AttemptResult, pause_ms: int | None) -> None:
    if what == "delivered":
        _DELIVERED.inc()
    else:
        (_GIVEN_UP if pause_ms is None else _RETRIED).inc()
