"""A request of votes without end, and the answers that go back while it is still coming.

Both directions flow at once, and each may stall. What is read is bounded by
the server, which stops reading while nobody asks for more, so a back end that
sends faster than votes are counted is slowed down. What is answered waits here
for the sender to read it: most HTTP clients (httpx and requests among them)
send a body to its end before they read a byte, and would stand still for ever,
and we with them, were answers written straight to the socket. So up to
``UNREAD_BYTES`` of answers may wait, enough for 300,000 lines that count, or
100,000 that are refused. Beyond that nothing more is read until the sender
reads; one that does not within ``STALLED_S`` is cut. A sender of more lines
than that reads while it sends, or takes several requests.

Whatever was taken was counted, once, whether or not its answer arrived: the
same line sent again is ``unchanged``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from litestar.types import Receive, Scope, Send

from pollwire_server.admin.bulk_votes import LINES_A_BATCH, BulkVoteService
from pollwire_server.admin.ndjson import Line, LineSplitter
from pollwire_server.domain.errors import Overloaded

NDJSON: Final = "application/x-ndjson"
UNREAD_BYTES: Final = 16 * 1024 * 1024
STALLED_S: Final = 30.0
PIECE_BYTES: Final = 64 * 1024
MOST_STREAMS: Final = 32
"""At one time in one process; each may hold ``UNREAD_BYTES``."""

_HEADERS: Final = [
    (b"content-type", NDJSON.encode()),
    (b"cache-control", b"private, no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that gathers answers would hold them until the end
]


class ClientStalled(Exception):
    """The sender has not read its answers for too long."""


class ClientDisconnected(Exception):
    """The connection is gone in the middle of the body."""


class BulkVoteStreams:
    """The streams of one process."""

    __slots__ = ("_intake", "_open")

    def __init__(self, intake: BulkVoteService) -> None:
        self._intake = intake
        self._open = 0

    def begin(self, poll_id: str) -> BulkVoteResponse:
        """The answer to one request, as ASGI has it. ``Overloaded`` where too many are open."""
        if self._open >= MOST_STREAMS:
            raise Overloaded
        return BulkVoteResponse(self, poll_id)

    async def run(self, poll_id: str, receive: Receive, send: Send) -> None:
        """From the first line to the last answer."""
        self._open += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._answer(poll_id, receive, send)
        except (ClientDisconnected, ClientStalled, TimeoutError):
            return  # an answer that is not ended ends its connection
        finally:
            self._open -= 1

    async def _answer(self, poll_id: str, receive: Receive, send: Send) -> None:
        answers = ResponseBuffer()
        writing = asyncio.create_task(answers.write_to(send), name="answers to a sender")
        try:
            async for lines in _batches(receive):
                await answers.put(await self._intake.count(poll_id, lines))
            await answers.end()
            await asyncio.wait_for(writing, STALLED_S)  # what the socket still holds
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


class BulkVoteResponse:
    """One request's answer, as ASGI has it."""

    def __init__(self, streams: BulkVoteStreams, poll_id: str) -> None:
        self._streams = streams
        self._poll_id = poll_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._streams.run(self._poll_id, receive, send)


class ResponseBuffer:
    """Answers that wait to be read."""

    def __init__(self, most: int = UNREAD_BYTES, stalled_s: float = STALLED_S) -> None:
        self._most = most
        self._stalled_s = stalled_s
        self._waiting = bytearray()
        self._is_ended = False
        self._news = asyncio.Event()
        self._moved = asyncio.Event()

    async def put(self, answers: bytes) -> None:
        """Takes answers; returns once there is room for more. Raises ``SenderStalled``."""
        self._waiting += answers
        self._news.set()
        while len(self._waiting) > self._most:
            await self._move()

    async def end(self) -> None:
        """There are no more; returns once all are on their way. Raises ``SenderStalled``."""
        self._is_ended = True
        self._news.set()
        while self._waiting:
            await self._move()

    async def write_to(self, send: Send) -> None:
        """Hands the answers on as fast as they are read, to the end."""
        while not self._is_ended or self._waiting:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                piece = bytes(self._waiting[:PIECE_BYTES])
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                del self._waiting[: len(piece)]
                self._moved.set()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _move(self) -> None:
        self._moved.clear()
        try:
            await asyncio.wait_for(self._moved.wait(), self._stalled_s)
        except TimeoutError:
            raise ClientStalled from None


async def _batches(receive: Receive) -> AsyncIterator[list[Line]]:
    """The lines of a body as they come, at most ``LINES_A_BATCH`` at once. Raises ``SenderLeft``."""
    splitter, is_more = LineSplitter(), True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnected
        lines = splitter.feed(message.get("body", b""))
        is_more = message.get("more_body", False)
        if not is_more:
            lines += splitter.end()
        for start in range(0, len(lines), LINES_A_BATCH):
            yield lines[start : start + LINES_A_BATCH]
