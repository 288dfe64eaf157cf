"""Proxy in front of a real store that delays every reply."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.valkey import Valkey


class Lag:
    """Delay of replies in seconds. Tests may change it while the proxy runs."""

    def __init__(self) -> None:
        self.seconds = 0.0


@asynccontextmanager
async def lagging(valkey: Valkey) -> AsyncIterator[tuple[str, Lag]]:
    """Yield the URL of the proxy and its delay."""
    lag, lines = Lag(), set[asyncio.StreamWriter]()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_late: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await asyncio.sleep(lag.seconds if is_late else 0)
                sink.write(data)
        sink.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_unix_connection(valkey.socket_path)
        lines.update((writer, to_store))
        await asyncio.gather(carry(reader, to_store, is_late=False), carry(from_store, writer, is_late=True))

    with tempfile.TemporaryDirectory() as folder:  # a short path: a socket's may have 100 bytes
        path = f"{folder}/far"
        server = await asyncio.start_unix_server(connect, path)
        try:
            yield f"unix://{path}", lag
        finally:
            server.close()
            for line in lines:
                line.close()
            await server.wait_closed()
