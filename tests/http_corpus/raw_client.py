"""A client that sends exactly the bytes it is given, and reads HTTP answers and WebSocket frames.

Everything runs in one event loop over loopback, where what is written can be
read at once: two turns of the loop between two segments are enough for the
server to read them apart.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

WITHIN_S = 4.0
BODILESS = (100, 101, 204, 304)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_TOKEN = re.compile(r"pollwire_voter=[^;]+")
_ANEW = ("receipt", "token", "ticket", "epoch", "created_at")
"""Members whose values are made anew each time."""


class HttpAnswer(NamedTuple):
    """An answer, as far as two of them must agree."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any  # JSON where it is JSON, else text


class Talk:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, segments: Iterable[bytes]) -> None:
        """Sends segments that the server reads one by one; a connection that is closed takes no more."""
        for segment in segments:
            if self.writer.is_closing():
                return
            self.writer.write(segment)
            await a_turn()

    async def answer(self, *, to_head: bool = False) -> HttpAnswer | None:
        """The next answer; None where the connection has ended."""
        return await next_answer(self.reader, to_head=to_head)

    async def is_kept(self) -> bool:
        """Whether the connection takes another request."""
        await self.send([b"GET /livez HTTP/1.1\r\nhost: probe\r\n\r\n"])
        answer = await self.answer()
        return answer is not None and (answer.status, answer.body) == (200, {"status": "alive"})

    async def frame(self) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None at the end."""
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 15, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def talk(port: int) -> AsyncIterator[Talk]:
    """A connection to this machine's ``port``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Talk(reader, writer)
    finally:
        writer.transport.abort()


async def a_turn() -> None:
    """Until the server has read what was sent."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def next_answer(reader: asyncio.StreamReader, *, to_head: bool = False) -> HttpAnswer | None:
    """The next answer of what comes from a server; None where it ends."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    status, headers = _head_of(head)
    body = b"" if to_head or status in BODILESS else await _body(reader, dict(headers))
    return HttpAnswer(status, tuple(sorted(_normal(headers))), body_of(body))


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding") != "chunked":
        return await reader.read()
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def body_of(body: bytes) -> Any:  # Any: JSON or text
    """A body without what differs between two answers that say the same."""
    try:
        return _plain(json.loads(body))
    except ValueError:
        return body.decode("latin-1")


def masked(
    opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, mask: bytes = b"mask"
) -> bytes:
    """A client's frame (RFC 6455, section 5.2)."""
    size = len(payload)
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def _head_of(head: bytes) -> tuple[int, list[tuple[str, str]]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return int(first.split(" ")[1]), [(name.lower(), value) for name, value in pairs]


def _normal(headers: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if name == "etag":
            yield name, "<etag>"
        elif name != "date":
            yield name, _TOKEN.sub("pollwire_voter=<token>", value)


def _plain(value: Any) -> Any:  # Any: JSON
    if isinstance(value, dict):
        return {name: f"<{name}>" if name in _ANEW else _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _TIME.sub("<time>", value) if isinstance(value, str) else value
