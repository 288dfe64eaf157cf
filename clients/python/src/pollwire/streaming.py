"""Follows one poll's totals for as long as the caller likes, over as many connections as it takes.

Every frame is the whole results, so a lost connection loses nothing: the
first frame of the next one is the truth. What has to be guarded is order. Two
connections may end at two nodes, one of them a little behind, so a frame with
an older ``(epoch, seq)`` than one already handed out is dropped
(``Order``); one with the same position passes, since the phase moves with the
clock alone.
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
from pollwire.errors import ApiError, ClientError, Document, UnexpectedResponse, Unreachable, refusal_of

LARGEST_FRAME_BYTES: Final = 64 * 1024
"""Fifty options of a 64-character id and a count each stay under 5 KiB."""

OPEN_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 0.5
"""The closing handshake is a courtesy; nobody should wait at Ctrl-C for a peer that is gone."""


class ResultOrderFilter:
    """Which frames a reader may show: never totals older than those it has shown."""

    def __init__(self) -> None:
        self._newest = ("", 0)

    def admits(self, frame: Document) -> bool:
        """Whether ``frame`` replaces what is shown; a hidden one always does, and has no position."""
        if frame.get("hidden"):
            return True
        position = (str(frame.get("epoch", "")), int(frame.get("seq", 0)))
        if position < self._newest:
            return False
        self._newest = position
        return True


class _ConnectionLost(Exception):
    """The connection ended in a way that another one mends, not before ``wait_s``."""

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
    """The poll's results, the standing ones first, then whenever they change; never older ones.

    ``ticket`` is asked before each connection (tickets live for a minute).
    ``patience_s`` bounds the wait for the first frame; later losses are mended
    for ever, each told to ``on_lost``. Raises ``Refused`` where the poll is
    unknown, forbidden or deleted, else ``Unreachable`` or ``NotUnderstood``.
    """
    order, backoff = ResultOrderFilter(), Backoff(patience_s)
    while True:
        try:
            async with aclosing(_frames(url, poll, await ticket())) as frames:
                async for frame in frames:
                    backoff.never_give_up()
                    if order.admits(frame):
                        yield frame
        except _ConnectionLost as lost:
            if on_lost is not None:
                on_lost(lost.cause)
            if not await backoff.pause(lost.wait_s):
                raise lost.cause from None


async def _frames(url: str, poll: str, ticket: str | None) -> AsyncGenerator[Document]:
    """The results that one connection brings; ends with ``_Lost`` or ``Refused``, never quietly."""
    try:
        async with connect(
            _address(url, poll, ticket),
            compression=None,
            max_size=LARGEST_FRAME_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
        ) as socket:
            async for message in socket:
                frame = _read(message, url)
                _heed(frame, url)
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


def _heed(frame: Document, url: str) -> None:
    """Obeys what is not results: a problem ends the watch, a planned stop the connection."""
    match frame.get("type"):
        case "problem":
            raise ApiError(frame)
        case "reconnect":
            wait_s = float(frame.get("after_ms", 0)) / 1000
            raise _ConnectionLost(Unreachable(url, "it is being restarted"), wait_s)


def _refused_handshake(answered: InvalidStatus, url: str) -> Exception:
    """What an HTTP answer instead of a socket means: not now, or no."""
    response = answered.response
    headers = response.headers
    refusal = refusal_of(
        bytes(response.body or b""), headers.get("Content-Type", ""), headers.get("Retry-After")
    )
    error = refusal or UnexpectedResponse(url, response.status_code)
    if not error.is_transient:
        return error
    return _ConnectionLost(error, refusal.retry_after_s if refusal is not None else 0.0)


def _address(url: str, poll: str, ticket: str | None) -> str:
    query = "" if ticket is None else f"?ticket={quote(ticket, safe='')}"
    return f"ws{url.removeprefix('http')}/v1/polls/{quote(poll, safe='')}/live{query}"


def reason_of(error: BaseException) -> str:
    """A few words for people on why a connection failed, without the library's own vocabulary."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "nothing listens there"
    if any(isinstance(cause, TimeoutError) for cause in causes) or "Timeout" in type(error).__name__:
        return "it does not answer in time"
    return str(error).rstrip(".") or type(error).__name__
