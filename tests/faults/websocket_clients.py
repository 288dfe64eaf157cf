"""Many WebSocket clients at low cost: plain sockets that only receive, on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

MAX_HANDSHAKES: Final = 200
"""Maximum concurrent handshakes. The others wait, as in a kernel's accept queue."""


class Listener(asyncio.Protocol):
    """WebSocket client that reconnects whenever the connection ends."""

    def __init__(self, crowd: Listeners) -> None:
        self._crowd = crowd
        self._head = b""
        self.transport: asyncio.Transport | None = None
        self.is_in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._crowd.handshake)

    def data_received(self, data: bytes) -> None:
        if self.is_in:
            return
        self._head += data
        head, end, first = self._head.partition(b"\r\n\r\n")
        if end and not head.startswith(b"HTTP/1.1 101 "):
            if self.transport is not None:
                self.transport.abort()
        elif b'"type":"results"' in first:
            self.is_in, self._head = True, b""
            self._crowd.came_in()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_in:
            self._crowd.inside -= 1
        self._crowd.lost(self)


class Listeners:
    """``count`` clients of one poll. ``inside`` contains those that have received a frame."""

    def __init__(self, address: tuple[str, int], poll: str, count: int) -> None:
        self.handshake = (
            f"GET /v1/polls/{poll}/live HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self.count = count
        self.inside = 0
        self._address = address
        self._turns = asyncio.Semaphore(MAX_HANDSHAKES)
        self._here: set[Listener] = set()
        self._coming: set[asyncio.Task[None]] = set()
        self._is_over = False

    def come(self) -> None:
        """Connect all clients."""
        for _ in range(self.count):
            self._send_one()

    def drop_all(self) -> None:
        """Drop all connections at once and let the clients reconnect."""
        for listener in list(self._here):
            if listener.transport is not None:
                listener.transport.abort()

    def came_in(self) -> None:
        """Record that a client received its first frame."""
        self.inside += 1

    def lost(self, listener: Listener) -> None:
        """Record that a client lost its connection."""
        self._here.discard(listener)
        if not self._is_over:
            self._send_one()

    def _send_one(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._turns:
            while True:
                with contextlib.suppress(OSError):
                    _, listener = await loop.create_connection(lambda: Listener(self), *self._address)
                    self._here.add(listener)
                    return

    async def disconnect_all(self) -> None:
        """Disconnect all clients."""
        self._is_over = True
        for task in list(self._coming):
            task.cancel()
        await asyncio.gather(*self._coming, return_exceptions=True)
        self.drop_all()


@contextlib.asynccontextmanager
async def listening(address: tuple[str, int], poll: str, count: int) -> AsyncIterator[Listeners]:
    """Run ``count`` clients while the block runs. They may still be connecting."""
    listeners = Listeners(address, poll, count)
    listeners.come()
    try:
        yield listeners
    finally:
        await listeners.disconnect_all()
