"""Events for entries of the service's audit log."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from pollwire_server.admin.webhooks.registry import WebhookRegistry
from pollwire_server.domain.events import WebhookEvent
from pollwire_server.domain.service_audit import ServiceAuditEntry
from pollwire_server.store.webhooks.delivery_queue import DeliveryQueue, QueuedEvent

_NO_POLL: Final = ""
"""Ordering key of events that belong to no poll."""


class AuditEvents:
    """Sender of audit entries to the webhooks that subscribe to them."""

    def __init__(self, webhooks: WebhookRegistry, queue: DeliveryQueue, wake: asyncio.Event) -> None:
        self._webhooks = webhooks
        self._queue = queue
        self._wake_deliverer = wake

    async def send(self, entry: ServiceAuditEntry) -> None:
        """Add the entry to the queues of its webhooks. A store that is unavailable loses the event."""
        receivers = [name for name, webhook in self._webhooks.known().items() if webhook.wants_audit]
        if not receivers:
            return
        kind = WebhookEvent.AUDIT.value
        body = msgspec.json.encode({"type": kind, "timestamp": entry.at, "data": entry})
        event = QueuedEvent(_NO_POLL, f"audit-{entry.n}-{entry.hash[:16]}", kind, body)
        await self._queue.enqueue([(webhook, event) for webhook in receivers])
        self._wake_deliverer.set()
