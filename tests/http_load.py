"""HTTP load of many concurrent voters over persistent HTTP/1.1 connections, at low cost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec


class LoadResponse(NamedTuple):
    """A response: the status, and the JSON object of the body."""

    status: int
    document: dict[str, Any]


class Unanswered(Exception):
    """The connection ended or timed out before a whole response. The server may have executed the request."""


class LoadConnection:
    """One connection to ``host:port``. It is opened on first use, and again after it was lost."""

    def __init__(self, host: str, port: int, within_s: float = 10.0) -> None:
        self._address = host, port
        self._within_s = within_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> LoadResponse:
        """Send one request and return the response. Raise ``Unanswered`` if there is none."""
        content = b"" if body is None else msgspec.json.encode(body)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._address[0]}:{self._address[1]}"]
        lines += [f"Content-Type: application/json\r\nContent-Length: {len(content)}"] if content else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        try:
            async with asyncio.timeout(self._within_s):
                return await self._exchange("\r\n".join([*lines, "\r\n"]).encode() + content)
        except (OSError, EOFError, TimeoutError) as failure:
            await self.close()
            raise Unanswered(repr(failure)) from failure

    async def _exchange(self, request: bytes) -> LoadResponse:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, _, after = head.partition(b"content-length:")
        content = await reader.readexactly(int(after.split(b"\r\n", 1)[0] or 0))
        if b"connection: close" in head:
            await self.close()
        return LoadResponse(int(head[9:12]), msgspec.json.decode(content) if content else {})

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def load_connections(address: tuple[str, int], count: int) -> AsyncIterator[list[LoadConnection]]:
    """Yield ``count`` connections and close them at the end of the block."""
    opened = [LoadConnection(*address) for _ in range(count)]
    try:
        yield opened
    finally:
        await asyncio.gather(*(connection.close() for connection in opened))


async def spread(
    jobs: Iterable[Any],  # Any: whatever ``do`` takes
    over: list[LoadConnection],
    do: Callable[[LoadConnection, Any], Awaitable[None]],
) -> None:
    """Run all jobs. Each connection takes the next job when it has finished one."""
    waiting = iter(jobs)

    async def work(connection: LoadConnection) -> None:
        for job in waiting:
            await do(connection, job)

    await asyncio.gather(*(work(connection) for connection in over))
