"""A local TCP server for one test. At the end of the block all its connections are closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

ConnectionHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def hosting(answer: ConnectionHandler) -> AsyncIterator[str]:
    """Call ``answer`` for each connection and close it afterwards. Yield ``http://127.0.0.1:PORT``.

    Browsers open connections that they never use, and abandon others. Handlers that still wait at the
    end are cancelled, so that no open socket outlives the loop. Any exception of ``answer`` other than
    a lost connection fails the test.
    """
    talks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_talk(answer, reader, writer))
        task.add_done_callback(lambda _: writer.close())  # also where the task was cancelled before it began
        talks.add(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await _close(server)
        for task in talks:
            task.cancel()
        for outcome in await asyncio.gather(*talks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _talk(
    answer: ConnectionHandler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # the client closed the connection
        await answer(reader, writer)


async def _close(server: asyncio.Server) -> None:
    """Stop accepting, and then close.

    Until Python 3.12 a connection that was accepted while its server closes is dropped with its
    socket open (python/cpython#109564).
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)  # accepted connections start their handlers in this turn
    server.close()
