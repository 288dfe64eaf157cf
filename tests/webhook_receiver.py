"""A webhook receiver: a real server with responses set by the test, which records all requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from tests.local_server import hosting


class Delivery(NamedTuple):
    """One received request."""

    head: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """Return the event's id."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """Return the event's type."""
        return str(self.document["type"])

    @property
    def document(self) -> dict[str, Any]:
        """Return the body without verification."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """Return the body after verification of the signature by the Standard Webhooks library."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


Answering = Callable[[Delivery], int | str | Awaitable[int | str]]


class Site:
    """A receiver of events. ``answering`` returns the status or the whole response for each request."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.answering: Answering = lambda _: 204
        self.url = ""
        self.ended = asyncio.Event()

    @property
    def types(self) -> list[str]:
        """Return the types of the received events, in order."""
        return [delivery.type for delivery in self.deliveries]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and respond."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        delivery = Delivery(head, headers, await reader.readexactly(int(headers["content-length"])))
        self.deliveries.append(delivery)
        answer = self.answering(delivery)
        answer = answer if isinstance(answer, int | str) else await answer
        text = answer if isinstance(answer, str) else f"HTTP/1.1 {answer} Answer\r\ncontent-length: 0\r\n\r\n"
        writer.write(text.encode())
        await writer.drain()


@asynccontextmanager
async def receiving() -> AsyncIterator[Site]:
    """Run a receiver on this machine while the block runs."""
    site = Site()
    async with hosting(site.serve) as url:
        site.url = f"{url}/hook"
        try:
            yield site
        finally:
            site.ended.set()
