"""A site that is told of events: a real server, which answers as the test says and keeps what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from tests.local_server import hosting


class Told(NamedTuple):
    """One request as it came."""

    head: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.document["type"])

    @property
    def document(self) -> dict[str, Any]:
        """The body, not verified."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """The body, once the convention's own library has found the signature good."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


Answering = Callable[[Told], int | str | Awaitable[int | str]]


class Site:
    """Where events arrive; ``answering`` gives the status (or the whole answer) for each."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.answering: Answering = lambda _: 204
        self.url = ""
        self.ended = asyncio.Event()

    @property
    def types(self) -> list[str]:
        """The types of what was told, in order."""
        return [told.type for told in self.told]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        told = Told(head, headers, await reader.readexactly(int(headers["content-length"])))
        self.told.append(told)
        answer = self.answering(told)
        answer = answer if isinstance(answer, int | str) else await answer
        text = (
            answer if isinstance(answer, str) else f"HTTP/1.1 {answer} As told\r\ncontent-length: 0\r\n\r\n"
        )
        writer.write(text.encode())
        await writer.drain()


@asynccontextmanager
async def receiving() -> AsyncIterator[Site]:
    """A site on this machine, for as long as the block runs."""
    site = Site()
    async with hosting(site.serve) as url:
        site.url = f"{url}/hook"
        try:
            yield site
        finally:
            site.ended.set()
