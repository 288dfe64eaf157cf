"""Management of webhooks: create, list with their delivery state, test, enable and delete."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.admin.pagination import Page, limit_of, page_of
from pollwire_server.admin.requests import Object
from pollwire_server.admin.webhooks.delivery_worker import DeliveryWorker, attempt_document
from pollwire_server.admin.webhooks.http_sender import WebhookSender
from pollwire_server.admin.webhooks.registry import StoredWebhook, WebhookRegistry
from pollwire_server.admin.webhooks.secret_encryption import SecretBox, made_secret
from pollwire_server.auth.api_keys import Operator, Scope
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll, NotFound
from pollwire_server.domain.events import POLL_EVENTS, Audience, WebhookEvent
from pollwire_server.domain.identifiers import Identifier
from pollwire_server.domain.timestamps import TimestampText, format_optional_timestamp, format_timestamp
from pollwire_server.outbound.url_guard import ForbiddenAddress
from pollwire_server.store import Store
from pollwire_server.store.webhooks.delivery_queue import ClaimedEvent, Delivery, DeliveryState

log = logging.getLogger("pollwire.admin")

MAX_WEBHOOKS: Final = 100
"""Every worker delivers for all of them."""
TEST: Final = "webhook.test"
"""The type of a test event, which belongs to no poll."""


_Events = Annotated[tuple[WebhookEvent, ...], Meta(min_length=1, max_length=len(WebhookEvent))]


class WebhookDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body for a new webhook."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    events: _Events | UnsetType = UNSET
    polls: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=1000)] | UnsetType = UNSET
    results: Audience = Audience.PUBLIC


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook without its secret, with the state of its deliveries."""

    id: str
    url: str
    events: tuple[WebhookEvent, ...]
    polls: tuple[str, ...] | None
    """Null: all polls."""
    results: Audience
    created_at: TimestampText
    created_by: str
    """The name of the operator's API key."""
    status: Literal["active", "disabled"]
    disabled_at: TimestampText | None
    disabled_reason: str | None
    waiting: int
    dropped: int
    failures: int
    """Failed attempts since the last success."""
    last_success_at: TimestampText | None
    last_failure_at: TimestampText | None
    last_error: str | None


class CreatedWebhook(Webhook, frozen=True, kw_only=True):
    """A new webhook. ``secret`` verifies its requests, and is not returned again."""

    secret: str


class WebhookPage(Page[Webhook], frozen=True):
    """One page of webhooks, newest first."""


class DeliveryPage(Page[Delivery], frozen=True):
    """The last delivery attempts of a webhook, newest first. There is only one page."""


class WebhookAdmin:
    """Service for webhooks. Its methods return documents that are ready to be encoded."""

    __slots__ = ("_deliverer", "_deliveries", "_now", "_registry", "_secret_box", "_sender", "_webhooks")

    def __init__(
        self,
        store: Store,
        webhooks: WebhookRegistry,
        secret_box: SecretBox,
        sender: WebhookSender,
        deliverer: DeliveryWorker,
    ) -> None:
        self._registry = store.webhooks
        self._deliveries = store.delivery_queue
        self._now = store.polls.now
        self._webhooks = webhooks
        self._secret_box = secret_box
        self._sender = sender
        self._deliverer = deliverer

    async def create(self, body: Object, operator: Operator) -> CreatedWebhook:
        """Create a webhook. Return its document with the secret, which is not returned again.

        The webhook receives events from now on. Raises ``InvalidPoll`` with the field. Raises
        ``ScopeMissing`` if it would receive results for operators, and the operator's own key may not read
        them.
        """
        draft = decode_document(body, WebhookDraft)
        if draft.results is Audience.OPERATORS:
            operator.require_scope(Scope.RESULTS_READ)
        if draft.events is not UNSET and WebhookEvent.AUDIT in draft.events:
            operator.require_scope(Scope.AUDIT_READ)
        try:
            await self._sender.check_url(draft.url)
        except ForbiddenAddress as forbidden:
            raise InvalidPoll("url", str(forbidden)) from None
        if len(await self._webhooks.read_fresh()) >= MAX_WEBHOOKS:
            raise InvalidPoll("url", f"The limit of {MAX_WEBHOOKS} webhooks is reached. Delete one first.")
        secret, webhook = made_secret(), secrets.token_hex(6)
        stored = StoredWebhook(
            url=draft.url,
            secret=self._secret_box.encrypt(secret),
            created_at=await self._now(),
            created_by=operator.name,
            events=None if draft.events is UNSET else tuple(dict.fromkeys(draft.events)),
            polls=None if draft.polls is UNSET else tuple(dict.fromkeys(draft.polls)),
            results=draft.results,
        )
        await self._registry.put(webhook, msgspec.json.encode(stored))
        log.info("Webhook %s created by %r", webhook, operator.name)
        document = _document(webhook, stored, DeliveryState())
        return CreatedWebhook(**msgspec.structs.asdict(document), secret=secret)

    async def list(self, query: dict[str, str]) -> WebhookPage:
        """Return one page, newest first. Raises ``InvalidPoll`` for a parameter."""
        stored = await self._webhooks.read_fresh()
        page, cursor = page_of(sorted(stored, key=lambda one: (-stored[one].created_at, one)), query)
        states = await asyncio.gather(*map(self._deliveries.state, page))
        items = [_document(one, stored[one], state) for one, state in zip(page, states, strict=True)]
        return WebhookPage(items, cursor)

    async def read(self, webhook: str) -> Webhook:
        """Return one webhook. Raises ``NotFound``."""
        stored = await self._stored(webhook)
        return _document(webhook, stored, await self._deliveries.state(webhook))

    async def recent(self, webhook: str, query: dict[str, str]) -> DeliveryPage:
        """Return the last attempts, newest first, on one page. Raises ``NotFound`` and ``InvalidPoll``."""
        limit = limit_of(query.get("limit"))
        await self._stored(webhook)
        return DeliveryPage((await self._deliveries.recent(webhook))[:limit], None)

    async def test(self, webhook: str, operator: Operator) -> Delivery:
        """Send a test event once, immediately. Return the attempt as in the list of recent ones.

        A disabled webhook can be tested too, and remains disabled. Raises ``NotFound``.
        """
        stored, now = await self._stored(webhook), await self._now()
        body = {"type": TEST, "timestamp": format_timestamp(now), "data": {"by": operator.name}}
        event = f"test-{secrets.token_hex(8)}"
        sent = await self._deliverer.attempt(stored, event, msgspec.json.encode(body))
        attempt = attempt_document(ClaimedEvent("", event, 1, TEST, b""), now, sent)
        await self._deliveries.record_test(webhook, attempt)
        return attempt

    async def enable(self, webhook: str, operator: Operator) -> Webhook:
        """Enable the webhook for events from now on. No effect if it is enabled. Raises ``NotFound``."""
        await self._stored(webhook)
        await self._deliveries.enable(webhook)
        log.info("Webhook %s enabled by %r", webhook, operator.name)
        return await self.read(webhook)

    async def delete(self, webhook: str, operator: Operator) -> None:
        """Delete the webhook and its queued events. Raises ``NotFound``."""
        if not await self._registry.remove(webhook[:64]):
            raise NotFound("There is no such webhook.")
        await self._deliveries.discard(webhook[:64])
        log.info("Webhook %s deleted by %r", webhook, operator.name)

    async def _stored(self, webhook: str) -> StoredWebhook:
        stored = (await self._webhooks.read_fresh()).get(webhook)
        if stored is None:
            raise NotFound("There is no such webhook.")
        return stored


def _document(webhook: str, stored: StoredWebhook, state: DeliveryState) -> Webhook:
    return Webhook(
        id=webhook,
        url=stored.url,
        events=POLL_EVENTS if stored.events is None else stored.events,
        polls=stored.polls,
        results=stored.results,
        created_at=format_timestamp(stored.created_at),
        created_by=stored.created_by,
        status="active" if state.disabled_at is None else "disabled",
        disabled_at=format_optional_timestamp(state.disabled_at),
        disabled_reason=state.disabled_reason,
        waiting=state.waiting,
        dropped=state.dropped,
        failures=state.failures,
        last_success_at=format_optional_timestamp(state.last_success_at),
        last_failure_at=format_optional_timestamp(state.last_failure_at),
        last_error=state.last_error,
    )
