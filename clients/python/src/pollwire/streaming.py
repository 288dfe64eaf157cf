"""WebSocket stream of one poll's results, with automatic reconnection.

Every frame contains the whole results, so a lost connection loses nothing: the
first frame of the next connection is current. Only the order needs care. Two
connections may reach two nodes, one of them slightly behind. So
``ResultOrderFilter`` drops a frame with an older ``(epoch, seq)`` than one
already returned. It passes a frame with the same position, because the phase
also changes with time alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from pollwire.backoff import Backoff
from pollwire.errors import ApiError, ClientError, Document, UnexpectedResponse, Unreachable, parse_error

LARGEST_FRAME_BYTES: Final = 64 * 1024
"""Fifty options of a 64-character id and a count each stay under 5 KiB."""

OPEN_TIMEOUT_S: Final = 5.0
PING_INTERVAL_S: Final = 10.0
"""A dead connection is noticed after at most twice this time."""
CLOSE_TIMEOUT_S: Final = 0.5
"""The closing handshake is optional. Ctrl-C should not wait for a peer that is gone."""


class ResultOrderFilter:
    """Filter that drops results older than those already returned."""

    def __init__(self) -> None:
        self._newest = ("", 0)

    def accepts(self, frame: Document) -> bool:
        """Return True if ``frame`` is not older. Hidden results have no position and always pass."""
        if frame.get("hidden"):
            return True
        position = (str(frame.get("epoch", "")), int(frame.get("seq", 0)))
        if position < self._newest:
            return False
        self._newest = position
        return True


class _ConnectionLost(Exception):
    """The connection ended. Another attempt may succeed after ``wait_s``."""

    def __init__(self, cause: ClientError, wait_s: float = 0.0) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.wait_s = wait_s


async def watch(
    url: str,
    poll: str,
    *,
    ticket: Callable[[], Awaitable[str | None]],
    patience_s: float | None,
    on_lost: Callable[[ClientError], None] | None = None,
) -> AsyncGenerator[Document]:
    """Yield the poll's current results, then each change. Never yields older results.

    Calls ``ticket`` before each connection, because tickets expire after a minute.
    ``patience_s`` limits the wait for the first frame. After that frame, lost
    connections are retried without limit. Calls ``on_lost`` for each lost
    connection. Raises ``ApiError`` if the poll is unknown, forbidden or deleted,
    else ``Unreachable`` or ``UnexpectedResponse``.
    """
    order, backoff = ResultOrderFilter(), Backoff(patience_s)
    while True:
        try:
            async with aclosing(_frames(url, poll, await ticket())) as frames:
                async for frame in frames:
                    backoff.never_give_up()
                    if order.accepts(frame):
                        yield frame
        except _ConnectionLost as lost:
            if on_lost is not None:
                on_lost(lost.cause)
            if not await backoff.pause(lost.wait_s):
                raise lost.cause from None


async def _frames(url: str, poll: str, ticket: str | None) -> AsyncGenerator[Document]:
    """Yield the results of one connection. Always ends with ``_ConnectionLost`` or a ``ClientError``."""
    try:
        async with connect(
            _address(url, poll, ticket),
            compression=None,
            max_size=LARGEST_FRAME_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_INTERVAL_S,
        ) as socket:
            async for message in socket:
                frame = _read(message, url)
                _raise_control_frame(frame, url)
                if frame.get("type") == "results":
                    yield frame
    except InvalidStatus as error:
        raise _refused_handshake(error, url) from None
    except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
        raise _ConnectionLost(Unreachable(url, reason_of(error))) from None
    raise _ConnectionLost(Unreachable(url, "the connection was closed"))


def _read(message: str | bytes, url: str) -> Document:
    try:
        frame = json.loads(message)
    except ValueError:
        frame = None
    if not isinstance(frame, dict):
        raise UnexpectedResponse(url, 101)
    return frame


def _raise_control_frame(frame: Document, url: str) -> None:
    """Raise the error of a problem frame, or ``_ConnectionLost`` for a planned restart."""
    match frame.get("type"):
        case "problem":
            raise ApiError(frame)
        case "reconnect":
            wait_s = float(frame.get("after_ms", 0)) / 1000
            raise _ConnectionLost(Unreachable(url, "it is being restarted"), wait_s)


def _refused_handshake(failure: InvalidStatus, url: str) -> Exception:
    """Convert an HTTP error response to an exception. Transient errors become ``_ConnectionLost``."""
    response = failure.response
    headers = response.headers
    reported = parse_error(
        bytes(response.body or b""), headers.get("Content-Type", ""), headers.get("Retry-After")
    )
    error = reported or UnexpectedResponse(url, response.status_code)
    if not error.is_transient:
        return error
    return _ConnectionLost(error, reported.retry_after_s if reported is not None else 0.0)


def _address(url: str, poll: str, ticket: str | None) -> str:
    query = "" if ticket is None else f"?ticket={quote(ticket, safe='')}"
    return f"ws{url.removeprefix('http')}/v1/polls/{quote(poll, safe='')}/live{query}"


def reason_of(error: BaseException) -> str:
    """Return a short reason for a failed connection, without the terms of the HTTP library."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "nothing listens there"
    if any(isinstance(cause, TimeoutError) for cause in causes) or "Timeout" in type(error).__name__:
        return "it does not answer in time"
    return str(error).rstrip(".") or type(error).__name__
