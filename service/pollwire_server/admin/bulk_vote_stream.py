"""Streaming request for bulk votes, with a response that starts before the request body ends.

Both directions flow at the same time, and each may stall.

Requests. The server stops reading the socket until the application receives again. This slows down a back end
that sends faster than votes are counted.

Responses. Most HTTP clients, httpx and requests among them, send the whole body before they read a byte. If
results were written straight to the socket, client and server would wait for each other: a deadlock. So up to
``UNREAD_BYTES`` of results are buffered, enough for 300,000 counted or 100,000 rejected lines. Beyond that,
no more of the request is read until the client reads. A client that does not read within ``STALLED_S`` is
disconnected. A client with more lines reads while it sends, or splits them into several requests.

Every line that was read is counted once, even if its result did not arrive. If the client sends the same line
again, the result is ``unchanged``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from litestar.types import Receive, Scope, Send

from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.admin.bulk_votes import LINES_A_BATCH, BulkVoteService
from pollwire_server.admin.ndjson import Line, LineSplitter
from pollwire_server.auth.api_keys import Operator
from pollwire_server.domain.errors import Overloaded, Unauthenticated
from pollwire_server.domain.service_audit import AuditAct

NDJSON: Final = "application/x-ndjson"
UNREAD_BYTES: Final = 16 * 1024 * 1024
STALLED_S: Final = 30.0
PIECE_BYTES: Final = 64 * 1024
MAX_STREAMS: Final = 32
"""Concurrent streams of one process. Each may buffer ``UNREAD_BYTES``."""

_HEADERS: Final = [
    (b"content-type", NDJSON.encode()),
    (b"cache-control", b"private, no-store"),
    (b"x-accel-buffering", b"no"),  # a buffering proxy would delay all results until the end
]


class ClientStalled(Exception):
    """Error: the client did not read its results in time."""


CheckKey = Callable[[], object]
"""Called before each batch of lines. Raises ``Unauthenticated`` once the key is revoked or has expired."""


class ClientDisconnected(Exception):
    """Error: the client disconnected before the end of the body."""


class BulkVoteStreams:
    """Open bulk vote streams of one process."""

    __slots__ = ("_intake", "_open", "_trail")

    def __init__(self, intake: BulkVoteService, trail: AuditTrail) -> None:
        self._intake = intake
        self._trail = trail
        self._open = 0

    def begin(self, poll_id: str, operator: Operator, check_key: CheckKey) -> BulkVoteResponse:
        """Return the ASGI response for one request. Raises ``Overloaded`` if too many streams are open."""
        if self._open >= MAX_STREAMS:
            raise Overloaded
        return BulkVoteResponse(self, poll_id, operator, check_key)

    async def run(
        self, poll_id: str, operator: Operator, check_key: CheckKey, receive: Receive, send: Send
    ) -> None:
        """Process a stream from its first line to its last result, and record how many votes counted."""
        self._open += 1
        statuses: Counter[str] = Counter()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._answer(poll_id, statuses, check_key, receive, send)
        except (ClientDisconnected, ClientStalled, TimeoutError, Unauthenticated):
            return  # an incomplete response closes the connection
        finally:
            self._open -= 1
            await self._trail.record_for_poll(AuditAct.VOTES_SENT, operator, poll_id, **statuses)

    async def _answer(
        self, poll_id: str, statuses: Counter[str], check_key: CheckKey, receive: Receive, send: Send
    ) -> None:
        answers = ResponseBuffer()
        writing = asyncio.create_task(answers.write_to(send), name="answers to a sender")
        try:
            async for lines in _batches(receive):
                check_key()
                await answers.put(await self._intake.count(poll_id, lines, statuses))
            await answers.end()
            await asyncio.wait_for(writing, STALLED_S)  # the rest is still in the socket buffer
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


class BulkVoteResponse:
    """ASGI response of one bulk vote request."""

    def __init__(
        self, streams: BulkVoteStreams, poll_id: str, operator: Operator, check_key: CheckKey
    ) -> None:
        self._streams = streams
        self._check_key = check_key
        self._poll_id = poll_id
        self._operator = operator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._streams.run(self._poll_id, self._operator, self._check_key, receive, send)


class ResponseBuffer:
    """Bounded buffer for results that the client has not read yet."""

    def __init__(self, most: int = UNREAD_BYTES, stalled_s: float = STALLED_S) -> None:
        self._most = most
        self._stalled_s = stalled_s
        self._waiting = bytearray()
        self._is_ended = False
        self._news = asyncio.Event()
        self._moved = asyncio.Event()

    async def put(self, answers: bytes) -> None:
        """Add results. Return when there is space for more. Raises ``ClientStalled``."""
        self._waiting += answers
        self._news.set()
        while len(self._waiting) > self._most:
            await self._move()

    async def end(self) -> None:
        """End the response. Return when all results were sent. Raises ``ClientStalled``."""
        self._is_ended = True
        self._news.set()
        while self._waiting:
            await self._move()

    async def write_to(self, send: Send) -> None:
        """Send results as fast as the client reads them, until the end."""
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
    """Yield the lines of a body in batches of up to ``LINES_A_BATCH``. Raises ``ClientDisconnected``."""
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
