"""A server of a test's own: whoever connects is answered, and with the block nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def hosting(answer: Answer) -> AsyncIterator[str]:
    """Each connection is handed to ``answer`` and closed after it; yields ``http://127.0.0.1:PORT``.

    Browsers open connections that they never use, and leave others without a word: whoever is still
    waited for at the end is let go, so that no open socket outlives the loop. What else goes wrong in
    ``answer`` fails the test.
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


async def _talk(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # who called has hung up
        await answer(reader, writer)


async def _close(server: asyncio.Server) -> None:
    """Accept nobody any more, and only then close: until Python 3.12 a connection that was accepted while its
    server closes is dropped with its socket open (python/cpython#109564).
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)  # those accepted so far come to life in this turn
    server.close()
