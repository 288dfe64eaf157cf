"""A test server with scripted responses over real sockets, including faulty ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.local_server import hosting


@dataclass(frozen=True)
class Reply:
    """An HTTP response. ``status`` 0 closes the connection after the request was read."""

    status: int
    document: Any = None  # Any: any JSON of the test
    headers: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        """Return the response as bytes."""
        body = b"" if self.document is None else json.dumps(self.document).encode()
        kind = "application/json" if self.status < 400 else "application/problem+json"
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


def problem(status: int, slug: str, **headers: str) -> Reply:
    """Return a response with a problem document."""
    document = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": f"It is {slug}."}
    return Reply(status, document, headers)


CUT = Reply(0)
"""Closes the connection after the request, so that the client cannot know the outcome."""


@dataclass
class Peer:
    """The server's address, and the received requests as text."""

    url: str
    requests: list[str]


@asynccontextmanager
async def answering(*replies: Reply) -> AsyncIterator[Peer]:
    """Respond to each request with the next of ``replies``. The last one is repeated."""
    waiting, peer = list(replies), Peer("", [])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _request(reader):
            peer.requests.append(head)
            reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if reply is CUT:
                break
            writer.write(reply.written())

    async with hosting(handle) as url:
        peer.url = url
        yield peer


async def _request(reader: asyncio.StreamReader) -> str:
    """Read one request, head and body. Return an empty text at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""
    lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    length = int(lengths[0].partition(":")[2]) if lengths else 0
    return head + (await reader.readexactly(length)).decode()


@asynccontextmanager
async def streaming(*scripts: Sequence[dict[str, Any]]) -> AsyncIterator[Peer]:
    """Send each connection the frames of the next script, then close it. The last one stays open."""
    waiting, peer = list(scripts), Peer("", [])

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        peer.requests.append(socket.request.path)
        for frame in waiting.pop(0):
            await socket.send(json.dumps(frame))
        if not waiting:
            await socket.wait_closed()

    async with serve(handle, "127.0.0.1", 0) as server:
        peer.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield peer
