"""TCP proxy that can stop forwarding, like a lost network: nothing is closed and nothing arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class FreezingProxy:
    """Proxy in front of a service at ``host`` and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self._target = (host, port)
        self._passing = asyncio.Event()
        self._passing.set()

    def freeze(self) -> None:
        """Keep every connection open and forward nothing, also on new connections."""
        self._passing.clear()

    def thaw(self) -> None:
        """Forward data again."""
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection."""
        await self._passing.wait()
        from_service, to_service = await asyncio.open_connection(*self._target)
        copies = [
            asyncio.create_task(self._copy(reader, to_service)),
            asyncio.create_task(self._copy(from_service, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.gather(*copies, return_exceptions=True)
            to_service.close()
            writer.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._passing.wait()
                sink.write(data)
                await sink.drain()


@contextlib.asynccontextmanager
async def freezing_proxy(url: str) -> AsyncIterator[FreezingProxy]:
    """Yield a proxy in front of the service at ``url``."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    proxy, tasks = FreezingProxy(host, int(port)), set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
