"""Webhook calls of the client. Webhooks send the events of polls to a URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from pollwire.errors import Document
from pollwire.pagination import fetch_all_pages

_PATH = "/v1/admin/webhooks"


class WebhookCalls:
    """Calls for webhooks. ``Client`` inherits them and provides the requests."""

    _call_operator: Callable[..., Awaitable[Document]]
    """Send one request with the operator's key, and repeat it where that is safe."""

    async def create_webhook(
        self,
        url: str,
        *,
        events: Sequence[str] = (),
        polls: Sequence[str] = (),
        results: str | None = None,
    ) -> Document:
        """Create a webhook. Its ``secret`` is returned only here.

        Without ``events`` or ``polls``, the webhook receives all of them. ``results`` is ``public`` (the
        default) or ``operators``. Never retried: each call creates another webhook.
        """
        fields: dict[str, Any] = {"events": list(events), "polls": list(polls), "results": results}
        body = {"url": url, **{name: value for name, value in fields.items() if value}}
        return await self._call_operator("POST", _PATH, json=body, repeatable=False)

    async def webhooks(self) -> list[Document]:
        """Return all webhooks with their status, newest first, without their secrets."""
        items, _ = await fetch_all_pages(lambda params: self._call_operator("GET", _PATH, params=params))
        return items

    async def test_webhook(self, webhook: str) -> Document:
        """Send a test event now and return the result. Never retried."""
        # Longer than the service itself waits for the response of the URL.
        return await self._call_operator("POST", f"{_one(webhook)}/test", repeatable=False, timeout=30.0)

    async def enable_webhook(self, webhook: str) -> Document:
        """Enable a disabled webhook. It receives the events from now on."""
        return await self._call_operator("POST", f"{_one(webhook)}/enable")

    async def deliveries(self, webhook: str) -> list[Document]:
        """Return the latest delivery attempts, newest first."""
        page = await self._call_operator("GET", f"{_one(webhook)}/deliveries")
        items: list[Document] = page["items"]
        return items

    async def delete_webhook(self, webhook: str) -> None:
        """Delete a webhook."""
        await self._call_operator("DELETE", _one(webhook), repeatable=False)


def _one(webhook: str) -> str:
    return f"{_PATH}/{quote(webhook, safe='')}"
