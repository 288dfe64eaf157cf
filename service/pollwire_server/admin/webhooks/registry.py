"""Registry of webhooks: the stored record, and the cached view of each worker."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pollwire_server.domain.events import Audience, Event, WebhookEvent
from pollwire_server.store.registries import CachedRegistry


class StoredWebhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """Stored webhook. ``created_at`` is in milliseconds, ``secret`` is encrypted (``secret_encryption``)."""

    url: str
    secret: str
    created_at: int
    created_by: str
    events: tuple[WebhookEvent, ...] | None = None
    """None: all events of polls."""
    polls: tuple[str, ...] | None = None
    results: Audience = Audience.PUBLIC

    def wants(self, event: Event) -> bool:
        """Return True if the webhook receives the event. Events before its creation are excluded."""
        return (
            (self.events is None or WebhookEvent(event.kind) in self.events)
            and (self.polls is None or event.poll.id in self.polls)
            and event.at >= self.created_at
        )

    @property
    def wants_audit(self) -> bool:
        """Return True if the webhook receives entries of the service's audit log."""
        return self.events is not None and WebhookEvent.AUDIT in self.events

    @property
    def wants_progress(self) -> bool:
        """Return True if the webhook receives progress events."""
        return self.events is None or WebhookEvent.PROGRESS in self.events


class WebhookRegistry:
    """Cached webhooks by id."""

    def __init__(self, registry: CachedRegistry) -> None:
        self._registry = registry
        self._known: dict[str, StoredWebhook] = {}
        self._known_from: Mapping[str, bytes] = {}

    def known(self) -> Mapping[str, StoredWebhook]:
        """Return the webhooks of the last read."""
        if self._known_from is not self._registry.members:
            self._known_from = self._registry.members
            self._known = {
                webhook: msgspec.json.decode(document, type=StoredWebhook)
                for webhook, document in self._registry.members.items()
            }
        return self._known

    async def read_fresh(self) -> Mapping[str, StoredWebhook]:
        """Read the webhooks from the store and return them. Raises ``StoreUnavailable``."""
        await self._registry.read_fresh(0)
        return self.known()
