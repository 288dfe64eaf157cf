"""Delivery queue of each webhook, and the results of its deliveries.

Each webhook has its own keys in its own slot (``includes/delivery_queue.lua``), so
webhooks do not wait for one another and each operation is a single step. An event
is queued once, however often it is enqueued. One worker at a time claims it, and
only the latest claim can record a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.timestamps import TimestampText
from pollwire_server.store.keys import webhook_keys
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

AttemptResult = Literal["delivered", "failed", "gone", "released"]
"""Result of an attempt. ``released`` means that no attempt was made."""

_FORGOTTEN_AFTER_MS: Final = 10 * 60 * 1000
"""How long a deleted webhook rejects events of workers that still have it in their registry."""


class Delivery(msgspec.Struct, frozen=True):
    """Result of one delivery attempt, as it is stored and sent to operators."""

    id: str
    """The ``webhook-id`` header of the request. Repeated attempts have the same."""
    type: str
    poll: str | None
    """Null for a test event."""
    attempt: int
    at: TimestampText
    delivered: bool
    status: int | None
    """The HTTP status of the response. Null without a response."""
    error: str | None
    took_ms: int


class QueuedEvent(NamedTuple):
    """An event for one webhook."""

    ordering_key: str
    """Events with the same key are delivered in order."""
    id: str
    kind: str
    body: bytes


class ClaimedEvent(msgspec.Struct, frozen=True):
    """An event that only this worker may deliver, until its lease ends."""

    ordering_key: str
    id: str
    tries: int
    """Number of attempts, this one included."""
    kind: str
    body: bytes


class ClaimBatch(msgspec.Struct, frozen=True):
    """Events that are due, and the time of the next one (ms by the store's clock; None: none is queued)."""

    now: int
    next_at: int | None
    waiting: int
    """Number of queued events, including the claimed ones."""
    claims: list[ClaimedEvent]


class DeliveryState(msgspec.Struct, frozen=True):
    """Delivery state of one webhook. Times are in milliseconds."""

    waiting: int = 0
    failures: int = 0
    """Failed attempts since the last success."""
    dropped: int = 0
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_error: str | None = None
    disabled_at: int | None = None
    disabled_reason: str | None = None


class DeliveryQueue:
    """Delivery queues of all webhooks of the namespace, by webhook id."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    async def enqueue(self, waiting: Sequence[tuple[str, QueuedEvent]]) -> list[bool]:
        """Add events to queues, in order. Return for each whether it is stored or no longer needed."""
        calls = [
            FunctionCall(
                "webhook_enqueue", self._keys(webhook), (one.ordering_key, one.id, one.kind, one.body)
            )
            for webhook, one in waiting
        ]
        return [not isinstance(reply, PollwireError) for reply in await self._connection.call_many(calls)]

    async def claim(self, wanted: Mapping[str, int], lease_ms: int) -> dict[str, ClaimBatch]:
        """Claim up to the given number of events for each webhook. Webhooks without a reply are left out."""
        calls = [
            FunctionCall("webhook_claim", self._keys(webhook), (lease_ms, most))
            for webhook, most in wanted.items()
        ]
        replies = await self._connection.call_many(calls)
        return {
            webhook: _claims(reply)
            for webhook, reply in zip(wanted, replies, strict=True)
            if not isinstance(reply, PollwireError)
        }

    async def record_attempt(
        self,
        webhook: str,
        claim: ClaimedEvent,
        what: AttemptResult,
        *,
        pause_ms: int | None = None,
        error: str = "",
        attempt: Delivery | None = None,
    ) -> str:
        """Record the result of a claim. Return the reason if this disables the webhook, else an empty text.

        ``pause_ms`` is the time until the next attempt, or None after the last one. Raises
        ``StoreUnavailable``; the event is then due again when its lease ends.
        """
        attempt_text = b"" if attempt is None else msgspec.json.encode(attempt)
        pause = "" if pause_ms is None else pause_ms
        args = (claim.ordering_key, claim.id, claim.tries, what, pause, error, attempt_text)
        answer, *rest = await self._connection.call("webhook_record_attempt", self._keys(webhook), args)
        return rest[0].decode() if answer == ReplyCode.DONE.encode() else ""

    async def state(self, webhook: str) -> DeliveryState:
        """Return the delivery state of the webhook. Raises ``StoreUnavailable``."""
        keys = self._keys(webhook)
        flat = await self._connection.command("HGETALL", keys[0])
        pairs = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        waiting = await self._connection.command("HLEN", keys[3])
        fields = {name.decode(): value.decode() for name, value in pairs.items()}
        return msgspec.convert({**fields, "waiting": waiting}, DeliveryState, strict=False)

    async def recent(self, webhook: str) -> list[Delivery]:
        """Return the results of the last attempts, newest first."""
        found = await self._connection.command("LRANGE", self._keys(webhook)[5], 0, -1)
        return [msgspec.json.decode(text, type=Delivery) for text in found]

    async def record_test(self, webhook: str, attempt: Delivery) -> None:
        """Add the result of a test delivery, which has no claim, to the recent ones."""
        await self._connection.command("LPUSH", self._keys(webhook)[5], msgspec.json.encode(attempt))

    async def enable(self, webhook: str) -> None:
        """Enable a disabled webhook. It receives events from now on."""
        fields = ("disabled_at", "disabled_reason", "failures", "last_error")
        await self._connection.command("HDEL", self._keys(webhook)[0], *fields)

    async def discard(self, webhook: str) -> None:
        """Delete the queue of a deleted webhook, and reject events of workers that still know the webhook."""
        state, *others = self._keys(webhook)
        await self._connection.command("HSET", state, "disabled_at", 0)
        await self._connection.command("PEXPIRE", state, _FORGOTTEN_AFTER_MS)
        await self._connection.command("UNLINK", *others)

    def _keys(self, webhook: str) -> tuple[bytes, ...]:
        return webhook_keys(self._connection.namespace, webhook)


def _claims(reply: Any) -> ClaimBatch:
    now, next_at, waiting, *found = reply
    claims = [
        ClaimedEvent(ordering_key.decode(), event.decode(), tries, kind.decode(), body)
        for ordering_key, event, tries, kind, body in found
    ]
    return ClaimBatch(now, None if next_at < 0 else next_at, waiting, claims)
