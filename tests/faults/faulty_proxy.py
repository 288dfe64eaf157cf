"""A proxy between service and store that harms replies after the store has run the command.

It listens on a Unix socket and forwards bytes. While it is armed it harms a part of the replies, in turn: it
drops a reply, delays it beyond any timeout, sends it twice, or closes the connection in the middle of it.
When closed, it rejects new connections and drops existing ones, as a network failure does.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

HELD_S: Final = 1.2
"""Longer than the service waits for a reply."""
WAYS: Final = ("swallowed", "held", "twice", "cut")
CHUNK: Final = 1 << 20


class ConnectionRelay:
    """Unix-socket proxy at ``path`` in front of the store's own socket."""

    def __init__(self, path: Path, store: str) -> None:
        self.path = path
        self.harmed: Counter[str] = Counter()
        self.part = 0.0
        """The part of the replies that the proxy harms from now on."""
        self._store = store
        self._ways = itertools.cycle(WAYS)
        self._chance = random.Random(4)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Return the store URL at which the service reaches the proxy."""
        return f"unix://{self.path}"

    async def open(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def close(self) -> None:
        """Reject new connections and drop existing ones."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
        for client in list(self._clients):
            client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        upstream = None
        try:
            replies, upstream = await asyncio.open_unix_connection(self._store)
            asking = asyncio.create_task(_pump(reader, upstream))
            with contextlib.suppress(OSError):
                await self._answer(replies, writer)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        except OSError:
            pass  # the store itself is away
        finally:
            self._clients.discard(writer)
            writer.close()
            if upstream is not None:
                upstream.close()

    async def _answer(self, replies: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward replies until either side disconnects."""
        while chunk := await replies.read(CHUNK):
            way = next(self._ways) if self._chance.random() < self.part else ""
            if way:
                self.harmed[way] += 1
            if way == "swallowed":
                continue
            if way == "held":
                await asyncio.sleep(HELD_S)
            if way == "cut":
                writer.write(chunk[: len(chunk) // 2])
                return
            writer.write(chunk * (2 if way == "twice" else 1))
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()


@contextlib.asynccontextmanager
async def relay_to(store: str, path: Path) -> AsyncIterator[ConnectionRelay]:
    """Run a proxy while the block runs."""
    relay = ConnectionRelay(path, store)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
