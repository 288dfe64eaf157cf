"""Proxy in front of a real store that answers selected commands with an error of the store."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import hiredis

from tests.valkey import Valkey

Command = list[bytes]


def every_call(command: Command) -> bool:
    """Return True for commands that read or write data."""
    return command[0] not in (b"INFO", b"ECHO", b"SUBSCRIBE", b"CLIENT")


def every_write(command: Command) -> bool:
    """Return True for commands that Valkey rejects while it cannot write."""
    if command[0] == b"FCALL":
        name = command[1].decode()
        return not name.endswith(("_only", "_probe", "_read_positions", "_read_vote", "_scan_ballots"))
    return command[0] in (b"FUNCTION", b"FUNCTION LOAD", b"SET", b"HSET")


class ErrorProxy:
    """Proxy on a Unix socket. While ``error`` is set, commands that ``matches`` selects get it as reply."""

    def __init__(self, url: str, store: str) -> None:
        self.url = url
        self.error = ""
        self.matches: Callable[[Command], bool] = every_call
        self.rejected = 0
        self._store = store

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection, one command after the other."""
        commands = hiredis.Reader()
        replies, upstream = await asyncio.open_unix_connection(self._store)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65536):
                commands.feed(data)
                while (command := commands.gets()) is not False:
                    writer.write(await self._reply_to(command, replies, upstream))
                    if command[0] == b"SUBSCRIBE":
                        await self._copy(replies, writer)
        writer.close()
        upstream.close()

    async def _reply_to(
        self, command: Command, replies: asyncio.StreamReader, upstream: asyncio.StreamWriter
    ) -> bytes:
        if self.error and self.matches(command):
            self.rejected += 1
            return f"-{self.error}\r\n".encode()
        words = command[0].split(b" ") + command[1:]
        upstream.write(hiredis.pack_command(tuple(words)))  # type: ignore[arg-type]  # the stub is too narrow
        parser, raw, reply = hiredis.Reader(), b"", False
        while reply is False:
            if not (chunk := await replies.read(65536)):
                raise ConnectionError
            raw += chunk
            parser.feed(chunk)
            reply: Any = parser.gets()  # type: ignore[no-redef]
        return raw

    @staticmethod
    async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


@contextlib.asynccontextmanager
async def error_proxy(valkey: Valkey) -> AsyncIterator[ErrorProxy]:
    """Yield a proxy in front of the server, with no error set."""
    with tempfile.TemporaryDirectory() as folder:  # a short path: a socket's may have 100 bytes
        path = f"{folder}/e"
        proxy = ErrorProxy(f"unix://{path}", valkey.socket_path)
        tasks: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(proxy.serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.wait([task])

        server = await asyncio.start_unix_server(accept, path)
        try:
            yield proxy
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await server.wait_closed()
