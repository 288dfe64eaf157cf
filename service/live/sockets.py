"""WebSocket streams: one poll's socket, and the socket of many polls.

A socket is two tasks: the pump writes what the hub brings, and this module
reads what the reader says. Whatever a reader says wrong is answered by a
``problem`` message and the socket lives on; what the protocol itself forbids
(a message over 16 KiB, text that is not UTF-8) the server closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Receive, Send
from msgspec import UNSET, UnsetType

from service.domain.errors import InvalidPoll, MalformedBody, PollNotFound, PollwireError
from service.live.door import Visitor, visitor_of
from service.live.frames import HEARTBEAT, Frame, problem_message, reconnect_message
from service.live.mailbox import Pump
from service.live.streams import Live, Stream
from service.problems import Answer, answer_of, error_of

AnySocket = WebSocket[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's

MOST_POLLS: Final = 100
"""Polls that one socket may watch."""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader's message: what it sets is done, the ticket first."""

    watch: list[str] | UnsetType = UNSET
    unwatch: list[str] | UnsetType = UNSET
    ticket: str | UnsetType = UNSET


_read_message = msgspec.json.Decoder(Said).decode


async def serve_one(live: Live, socket: AnySocket, poll_id: str) -> None:
    """``WS /v1/polls/{id}/live``, from handshake to close."""
    stream = Stream(live, _visitor(socket), by_origin=True)
    try:
        admission = await stream.admit(poll_id)
    except PollwireError as error:
        await refuse(socket, error)
        return
    await socket.accept()
    with stream:
        stream.watch(poll_id, admission.reader)
        await _Conversation(live, stream, socket, only=poll_id).run()


async def serve_many(live: Live, socket: AnySocket) -> None:
    """``WS /v1/live``, from handshake to close."""
    visitor = _visitor(socket)
    try:
        live.door.check_open()
        live.door.check_origin(visitor)
    except PollwireError as error:
        await refuse(socket, error)
        return
    await socket.accept()
    with Stream(live, visitor, by_origin=True) as stream:
        await _Conversation(live, stream, socket, only=None).run()


async def refuse(socket: AnySocket, error: PollwireError) -> None:
    """Answers a handshake as HTTP answers a request; closes it bare where the server knows no such answer."""
    await socket.receive()  # websocket.connect, which comes before any answer
    answer = answer_of(error, socket.scope["path"])
    if "websocket.http.response" in (socket.scope.get("extensions") or {}):
        await _send_answer(socket.send, answer)
    else:
        await socket.close()


async def _send_answer(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    start: Any = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": answer.body, "more_body": False}
    await send(start)  # of ASGI's extension, which the framework's types do not know
    await send(body)


def _visitor(socket: AnySocket) -> Visitor:
    return visitor_of(dict(socket.scope["headers"]), socket.scope["query_string"])


class _SocketWire:
    """A pump's messages as text frames."""

    def __init__(self, send: Send, stream: Stream, only: str | None) -> None:
        self._send = send
        self._stream = stream
        self._only = only

    async def frame(self, frame: Frame) -> None:
        await self._text(frame.text)

    async def gone(self, poll_id: str) -> bool:
        self._stream.unwatch(poll_id)
        await self.problem(PollNotFound(poll_id), poll_id)
        return poll_id == self._only

    async def heartbeat(self) -> None:
        await self._text(HEARTBEAT.decode())

    async def reconnect(self, after_ms: int) -> None:
        await self._text(reconnect_message(after_ms).decode())

    async def close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def problem(self, error: PollwireError, poll_id: str | None = None) -> None:
        await self._text(problem_message(error, poll_id).decode())

    async def _text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text, "bytes": None})


class _Conversation:
    """An accepted socket: reads until the reader leaves, while the pump writes; ``only``: of this poll."""

    def __init__(self, live: Live, stream: Stream, socket: AnySocket, *, only: str | None) -> None:
        self._stream = stream
        self._only = only
        self._receive: Receive = socket.receive
        self._wire = _SocketWire(socket.send, stream, only)
        self._pump = Pump(stream.mailbox, self._wire, live.pace)

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen(), name="socket reader")
        try:
            await self._pump.run()
        except (OSError, WebSocketDisconnect):
            return  # the reader left while something was sent (ASGI, the WebSocket send event)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            while (message := await self._receive())["type"] == "websocket.receive":
                await self._hear(message.get("text"))
        finally:
            self._stream.mailbox.leave()

    async def _hear(self, text: str | None) -> None:
        try:
            await self._do(_said(text))
        except (OSError, WebSocketDisconnect):
            raise
        except Exception as failure:
            await self._wire.problem(error_of(failure))

    async def _do(self, said: Said) -> None:
        if self._only is not None and (said.watch is not UNSET or said.unwatch is not UNSET):
            raise MalformedBody('This socket is one poll\'s; it takes {"ticket": "..."} alone.')
        if said.ticket is not UNSET:
            self._stream.prove(said.ticket)
            await self._watch(sorted(self._stream.polls))
        if said.unwatch is not UNSET:
            for poll_id in said.unwatch:
                self._stream.unwatch(poll_id)
        if said.watch is not UNSET:
            wanted = list(dict.fromkeys(said.watch))
            if len(self._stream.polls.union(wanted)) > MOST_POLLS:
                raise InvalidPoll("watch", f"One socket watches at most {MOST_POLLS} polls.")
            await self._watch(wanted)

    async def _watch(self, polls: Sequence[str]) -> None:
        """All at once, so that their reads share a round trip."""
        await asyncio.gather(*(self._watch_one(poll_id) for poll_id in polls))

    async def _watch_one(self, poll_id: str) -> None:
        try:
            admission = await self._stream.admit(poll_id)
        except PollwireError as error:
            await self._wire.problem(error, poll_id)
        else:
            self._stream.watch(poll_id, admission.reader)


def _said(text: str | None) -> Said:
    """The message, which must be a JSON object with at least one of the fields."""
    if text is None:
        raise MalformedBody("Messages are text, not binary.")
    try:
        said = _read_message(text)
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The message is not one of this socket's: {error}.") from None
    if said == _NOTHING:
        raise MalformedBody("A message is a JSON object with watch, unwatch or ticket.")
    return said


_NOTHING: Final = Said()
