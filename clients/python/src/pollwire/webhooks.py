"""The client's calls about webhooks: sites that are told what happens to polls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

from pollwire.errors import Document
from pollwire.pagination import fetch_all_pages

_PATH = "/v1/admin/webhooks"


class WebhookCalls:
    """What an operator may do with webhooks; the ``Client`` brings the way to the service."""

    _operator_call: Callable[..., Awaitable[Document]]
    """One call with the operator's key, repeated where that is safe."""

    async def create_webhook(
        self,
        url: str,
        *,
        events: Sequence[str] = (),
        polls: Sequence[str] = (),
        results: str | None = None,
    ) -> Document:
        """A new webhook, whose ``secret`` is shown this once; without ``events`` or ``polls``: all of them.

        ``results``: ``public`` (the default) or ``operators``. Not repeated: each call makes another.
        """
        wishes: dict[str, Any] = {"events": list(events), "polls": list(polls), "results": results}
        body = {"url": url, **{name: wish for name, wish in wishes.items() if wish}}
        return await self._operator_call("POST", _PATH, json=body, repeatable=False)

    async def webhooks(self) -> list[Document]:
        """Every webhook, the newest first, with how it goes, without its secret."""
        items, _ = await fetch_all_pages(lambda params: self._operator_call("GET", _PATH, params=params))
        return items

    async def test_webhook(self, webhook: str) -> Document:
        """Has the site told a test event now; what came of it. Not repeated."""
        # A site may take as long to answer as the service lets it.
        return await self._operator_call("POST", f"{_one(webhook)}/test", repeatable=False, timeout=30.0)

    async def enable_webhook(self, webhook: str) -> Document:
        """A site that was given up is told again what happens from now on."""
        return await self._operator_call("POST", f"{_one(webhook)}/enable")

    async def deliveries(self, webhook: str) -> list[Document]:
        """The last tries to tell the site, the newest first."""
        page = await self._operator_call("GET", f"{_one(webhook)}/deliveries")
        items: list[Document] = page["items"]
        return items

    async def delete_webhook(self, webhook: str) -> None:
        """The site is told nothing more."""
        await self._operator_call("DELETE", _one(webhook), repeatable=False)


def _one(webhook: str) -> str:
    return f"{_PATH}/{quote(webhook, safe='')}"
