"""Webhooks as the store keeps them, and as every worker knows them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pollwire_server.domain.events import Audience, Event, EventKind
from pollwire_server.store.registries import CachedRegistry


class StoredWebhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One webhook; ``created_at`` in milliseconds, ``secret`` sealed (``sealing``)."""

    url: str
    secret: str
    created_at: int
    created_by: str
    events: tuple[EventKind, ...] | None = None
    """None: all of them."""
    polls: tuple[str, ...] | None = None
    results: Audience = Audience.PUBLIC

    def wants(self, event: Event) -> bool:
        """Whether the site is told of the event: of nothing that happened before it was named."""
        return (
            (self.events is None or event.kind in self.events)
            and (self.polls is None or event.poll.id in self.polls)
            and event.at >= self.created_at
        )

    @property
    def wants_progress(self) -> bool:
        """Whether the site is told how the vote goes on."""
        return self.events is None or EventKind.PROGRESS in self.events


class WebhookRegistry:
    """The webhooks by their ids."""

    def __init__(self, roster: CachedRegistry) -> None:
        self._roster = roster
        self._known: dict[str, StoredWebhook] = {}
        self._known_from: Mapping[str, bytes] = {}

    def known(self) -> Mapping[str, StoredWebhook]:
        """As this process read them last."""
        if self._known_from is not self._roster.members:
            self._known_from = self._roster.members
            self._known = {
                webhook: msgspec.json.decode(document, type=StoredWebhook)
                for webhook, document in self._roster.members.items()
            }
        return self._known

    async def fresh(self) -> Mapping[str, StoredWebhook]:
        """From a read that begins now. ``StoreUnavailable``."""
        await self._roster.fresh(0)
        return self.known()
