"""What waits to be told to each site, and what came of telling it.

Each webhook has keys of its own, in a slot of its own (``includes/delivery_queue.lua``),
so sites do not wait for one another, and whatever is done to one is a single
step: an event is put once however often it is handed on, claimed by one worker
at a time, and what came of it is written down by whoever claimed it last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from pollwire_server.domain.errors import PollwireError
from pollwire_server.domain.poll_document import Document
from pollwire_server.store.keys import webhook_keys
from pollwire_server.store.transport.connection import FunctionCall, StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

AttemptResult = Literal["delivered", "failed", "gone", "released"]
"""What came of a try; released: it was not tried after all."""

_FORGOTTEN_AFTER_MS: Final = 10 * 60 * 1000
"""A webhook struck off takes nothing more for so long, from whoever has not heard of it."""


class QueuedEvent(NamedTuple):
    """An event for one site."""

    strand: str
    """Events of one strand are told in order."""
    id: str
    kind: str
    body: bytes


class ClaimedEvent(msgspec.Struct, frozen=True):
    """An event that this worker alone may tell just now."""

    strand: str
    id: str
    tries: int
    """From 1; this one included."""
    kind: str
    body: bytes


class ClaimBatch(msgspec.Struct, frozen=True):
    """What may be told now, and when there will be more (ms by the store's clock; None: nothing waits)."""

    now: int
    next_at: int | None
    waiting: int
    """Events of the site that it was not told yet, these among them."""
    claims: list[ClaimedEvent]


class DeliveryState(msgspec.Struct, frozen=True):
    """How it goes with one site; instants in milliseconds."""

    waiting: int = 0
    failures: int = 0
    """Since the last success."""
    dropped: int = 0
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_error: str | None = None
    disabled_at: int | None = None
    disabled_reason: str | None = None


class DeliveryQueue:
    """The deliveries of every webhook of the namespace, by its id."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    async def enqueue(self, waiting: Sequence[tuple[str, QueuedEvent]]) -> list[bool]:
        """Hands events to webhooks, in order; for each whether it is safe there (or need not be)."""
        calls = [
            FunctionCall("webhook_enqueue", self._keys(webhook), (one.strand, one.id, one.kind, one.body))
            for webhook, one in waiting
        ]
        return [not isinstance(reply, PollwireError) for reply in await self._connection.call_many(calls)]

    async def claim(self, wanted: Mapping[str, int], lease_ms: int) -> dict[str, ClaimBatch]:
        """Up to so many events of each webhook; one that the store did not answer for is left out."""
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
        told: Document | None = None,
    ) -> str:
        """Writes down what came of a claim; why the site is given up for it, empty where it is not.

        ``pause_ms`` until the next try, None where that was the last. ``StoreUnavailable``: the lease ends.
        """
        told_text = b"" if told is None else msgspec.json.encode(told)
        pause = "" if pause_ms is None else pause_ms
        args = (claim.strand, claim.id, claim.tries, what, pause, error, told_text)
        answer, *rest = await self._connection.call("webhook_record_attempt", self._keys(webhook), args)
        return rest[0].decode() if answer == ReplyCode.DONE.encode() else ""

    async def state(self, webhook: str) -> DeliveryState:
        """How it goes with the site. ``StoreUnavailable``."""
        keys = self._keys(webhook)
        flat = await self._connection.command("HGETALL", keys[0])
        pairs = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        waiting = await self._connection.command("HLEN", keys[3])
        held = {name.decode(): value.decode() for name, value in pairs.items()}
        return msgspec.convert({**held, "waiting": waiting}, DeliveryState, strict=False)

    async def recent(self, webhook: str) -> list[Document]:
        """What came of the last tries, the newest first."""
        found = await self._connection.command("LRANGE", self._keys(webhook)[5], 0, -1)
        return [msgspec.json.decode(text) for text in found]

    async def record_test(self, webhook: str, told: Document) -> None:
        """Puts a try that was nobody's claim among the recent ones."""
        await self._connection.command("LPUSH", self._keys(webhook)[5], msgspec.json.encode(told))

    async def enable(self, webhook: str) -> None:
        """A site that was given up is told again, of what happens from now on."""
        fields = ("disabled_at", "disabled_reason", "failures", "last_error")
        await self._connection.command("HDEL", self._keys(webhook)[0], *fields)

    async def forget(self, webhook: str) -> None:
        """Nothing is kept of the webhook; who still thinks that it is there puts nothing."""
        state, *others = self._keys(webhook)
        await self._connection.command("HSET", state, "disabled_at", 0)
        await self._connection.command("PEXPIRE", state, _FORGOTTEN_AFTER_MS)
        await self._connection.command("UNLINK", *others)

    def _keys(self, webhook: str) -> tuple[bytes, ...]:
        return webhook_keys(self._connection.namespace, webhook)


def _claims(reply: Any) -> ClaimBatch:
    now, next_at, waiting, *found = reply
    claims = [
        ClaimedEvent(strand.decode(), event.decode(), tries, kind.decode(), body)
        for strand, event, tries, kind, body in found
    ]
    return ClaimBatch(now, None if next_at < 0 else next_at, waiting, claims)
