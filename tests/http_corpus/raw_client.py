"""A client that sends exactly the bytes it is given, and reads HTTP responses and WebSocket frames.

Everything runs in one event loop over loopback, where written data can be read at once. Two iterations of
the loop between two segments are enough for the server to read them separately.
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
_CHANGING = ("receipt", "token", "ticket", "epoch", "created_at")
"""JSON members that differ in every response."""


class HttpAnswer(NamedTuple):
    """The parts of a response that must be the same on all servers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any  # JSON or text


class RawConnection:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, segments: Iterable[bytes]) -> None:
        """Send segments that the server reads one by one. Stop if the connection closes."""
        for segment in segments:
            if self.writer.is_closing():
                return
            self.writer.write(segment)
            await let_server_read()

    async def answer(self, *, to_head: bool = False) -> HttpAnswer | None:
        """Return the next response, or None if the connection has ended."""
        return await next_answer(self.reader, to_head=to_head)

    async def is_open(self) -> bool:
        """Return True if the connection accepts another request."""
        await self.send([b"GET /livez HTTP/1.1\r\nhost: probe\r\n\r\n"])
        answer = await self.answer()
        return answer is not None and (answer.status, answer.body) == (200, {"status": "alive"})

    async def frame(self) -> tuple[int, bytes] | None:
        """Return opcode and payload of the next frame, or None at the end."""
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 15, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def raw_connection(port: int, source: str = "127.0.0.1") -> AsyncIterator[RawConnection]:
    """Connect to a port of this machine, from this address of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield RawConnection(reader, writer)
    finally:
        writer.transport.abort()


async def let_server_read() -> None:
    """Wait until the server has read what was sent."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def next_answer(reader: asyncio.StreamReader, *, to_head: bool = False) -> HttpAnswer | None:
    """Return the next response from a stream, or None at its end."""
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
    """Return the parsed body, with placeholders for values that differ in every response."""
    try:
        return _plain(json.loads(body))
    except ValueError:
        return body.decode("latin-1")


def masked(
    opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, mask: bytes = b"mask"
) -> bytes:
    """Return a masked client frame (RFC 6455, section 5.2)."""
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
        return {name: f"<{name}>" if name in _CHANGING else _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _TIME.sub("<time>", value) if isinstance(value, str) else value
