"""Delivery worker: claims queued events, sends them, and records the results.

Every worker process delivers for every webhook, up to ``AT_ONCE`` requests each. So a slow endpoint delays
only its own events, and a dead worker delays an event by the length of its lease.

A failed delivery is retried with increasing delays. After the last attempt, the webhook is disabled. If other
events of the webhook were delivered meanwhile, the fault is in the event, and only this event is dropped. See
``webhook_record_attempt.lua``.

When a worker stops, it waits ``ANSWERED_WITHIN_S`` for responses to the requests it has sent. Then it
releases the other claims, so that another worker can deliver them immediately.
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
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.store import Store
from pollwire_server.store.transport.cancellation import cancel_and_wait, raise_if_cancelled
from pollwire_server.store.webhooks.delivery_queue import AttemptResult, ClaimBatch, ClaimedEvent, Delivery
from pollwire_server.telemetry.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_QUEUE_SIZE

log = logging.getLogger("pollwire.admin")

AT_ONCE: Final = 2
"""Concurrent requests of one worker to one endpoint."""
CLAIM_EVERY_S: Final = 5.0
"""Interval of claims without a wake-up. It finds events that other workers enqueued or released."""
ANSWERED_WITHIN_S: Final = 0.2
"""Time for responses when the worker stops."""

_DELIVERED = WEBHOOK_ATTEMPTS.labels("delivered")
_RETRIED = WEBHOOK_ATTEMPTS.labels("retried")
_DROPPED = WEBHOOK_ATTEMPTS.labels("dropped")
_DISABLED = WEBHOOK_ATTEMPTS.labels("disabled")

UNREADABLE: Final = DeliveryAttempt(
    None,
    "its secret cannot be decrypted: POLLWIRE_SECRET was changed; delete the webhook and create it again",
    0,
)


class DeliveryWorker:
    """Background task of one worker that delivers the queued events."""

    def __init__(
        self,
        store: Store,
        webhooks: WebhookRegistry,
        *,
        secret_box: SecretBox,
        sender: WebhookSender,
        timing: WebhookTiming,
        wake: asyncio.Event,
    ) -> None:
        self._now = store.polls.now
        self._deliveries = store.delivery_queue
        self._webhooks = webhooks
        self._secret_box = secret_box
        self._sender = sender
        self._timing = timing
        self._wake = wake
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        """Queued events by webhook, as of the last claim."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver queued events, until cancelled."""
        try:
            while True:
                self._wake.clear()
                wait_s = await self._claim()
                raise_if_cancelled()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=ANSWERED_WITHIN_S)
            await cancel_and_wait(*self._tasks)
            await self._sender.close()

    async def _claim(self) -> float:
        """Start all deliveries that are due. Return the seconds until the next claim."""
        webhooks = self._webhooks.known()
        room = {one: AT_ONCE - self._busy.get(one, 0) for one in webhooks}
        found = await self._deliveries.claim(
            {one: n for one, n in room.items() if n > 0}, self._timing.lease_ms
        )
        self._waiting = {
            one: found[one].waiting if one in found else self._waiting.get(one, 0) for one in webhooks
        }
        WEBHOOK_QUEUE_SIZE.set(sum(self._waiting.values()))
        wait_s = self._timing.scan_interval_s * CLAIM_EVERY_S
        for webhook, claims in found.items():
            for claim in claims.claims:
                self._begin(webhook, webhooks[webhook], claim, claims)
            if claims.next_at is not None and len(claims.claims) < room[webhook]:
                wait_s = min(wait_s, max(0.01, (claims.next_at - claims.now) / 1000))
        return wait_s

    def _begin(self, webhook: str, stored: StoredWebhook, claim: ClaimedEvent, claims: ClaimBatch) -> None:
        self._busy[webhook] = self._busy.get(webhook, 0) + 1
        task = asyncio.create_task(
            self._deliver(webhook, stored, claim, claims.now), name=f"deliver {claim.id}"
        )
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._on_done(webhook, done))

    def _on_done(self, webhook: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy[webhook] -= 1
        if not self._busy[webhook]:
            del self._busy[webhook]
        self._wake.set()
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("Delivery to webhook %s failed: %r", webhook, failure, extra={"subject": webhook})

    async def _deliver(self, webhook: str, stored: StoredWebhook, claim: ClaimedEvent, now: int) -> None:
        try:
            sent = await self.attempt(stored, claim.id, claim.body)
        except asyncio.CancelledError:
            with contextlib.suppress(PollwireError):
                await self._deliveries.record_attempt(webhook, claim, "released")
            raise
        what, pause_ms = self._classify(sent, claim)
        attempt = attempt_document(claim, now, sent)
        with contextlib.suppress(PollwireError):  # the lease expires, and the event is sent again
            disabled_reason = await self._deliveries.record_attempt(
                webhook, claim, what, pause_ms=pause_ms, error=sent.error, attempt=attempt
            )
            _log(webhook, claim, sent, disabled_reason)
            _count(what, pause_ms, disabled_reason)

    async def attempt(self, stored: StoredWebhook, event_id: str, body: bytes) -> DeliveryAttempt:
        """Send the event once. Return the result."""
        secret = self._secret_box.decrypt(stored.secret)
        if secret is None:
            return UNREADABLE
        return await self._sender.send(stored.url, secret, event_id, body)

    def _classify(self, sent: DeliveryAttempt, claim: ClaimedEvent) -> tuple[AttemptResult, int | None]:
        if sent.is_delivered:
            return "delivered", None
        if sent.is_gone or sent is UNREADABLE:
            return "gone", None
        return "failed", self._timing.pause_after(claim.tries, random.random())


def attempt_document(claim: ClaimedEvent, at: int, sent: DeliveryAttempt) -> Delivery:
    """Return the attempt as in the list of recent deliveries."""
    return Delivery(
        id=claim.id,
        type=claim.kind,
        poll=claim.ordering_key or None,
        attempt=claim.tries,
        at=format_timestamp(at),
        delivered=sent.is_delivered,
        status=sent.status,
        error=sent.error or None,
        took_ms=sent.took_ms,
    )


def _log(webhook: str, claim: ClaimedEvent, sent: DeliveryAttempt, disabled_reason: str) -> None:
    if disabled_reason:
        log.warning("Webhook %s disabled: %s", webhook, disabled_reason, extra={"subject": webhook})
    elif not sent.is_delivered:
        log.info(
            "Delivery to webhook %s failed: event %s, attempt %d: %s",
            webhook,
            claim.id,
            claim.tries,
            sent.error,
            extra={"subject": webhook},
        )


def _count(what: AttemptResult, pause_ms: int | None, disabled_reason: str) -> None:
    if what == "delivered":
        _DELIVERED.inc()
    elif disabled_reason:
        _DISABLED.inc()
    else:
        (_DROPPED if pause_ms is None else _RETRIED).inc()
