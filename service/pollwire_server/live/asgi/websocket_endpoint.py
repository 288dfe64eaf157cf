"""WebSocket streams: one poll's socket, and the socket of many polls.

A socket is two tasks: the pump writes what the hub brings, and the
conversation hears the reader. What the protocol itself forbids (a message over
16 KiB, text that is not UTF-8) the server closes.
"""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Receive, Send

from pollwire_server.auth.client_address import client_in
from pollwire_server.auth.poll_origins import poll_ids_in_query
from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.live.asgi.frame_sender import FrameSender, LatestFrameBuffer
from pollwire_server.live.client_messages import ClientMessageHandler
from pollwire_server.live.read_access import StreamCredentials, visitor_of
from pollwire_server.live.result_frames import HEARTBEAT, ResultFrame, problem_message, reconnect_message
from pollwire_server.live.stream_session import LiveContext, StreamSession
from pollwire_server.problem_details import HttpResponse, problem_response

AnySocket = WebSocket[Any, Any, Any]  # Any: this service uses no user, auth or state of the framework's


async def serve_one(live: LiveContext, socket: AnySocket, poll_id: str) -> None:
    """``WS /v1/polls/{id}/live``, from handshake to close."""
    stream = StreamSession(live, _visitor(socket), LatestFrameBuffer(), by_origin=True)
    try:
        admission = await stream.admit(poll_id)
        stream.acquire_slot()
    except PollwireError as error:
        await refuse(socket, error)
        return
    with stream:
        await socket.accept()
        stream.watch(poll_id, admission.reader)
        await _run_socket(live, stream, socket, only=poll_id)


async def serve_many(live: LiveContext, socket: AnySocket) -> None:
    """``WS /v1/live``, from handshake to close."""
    visitor = _visitor(socket)
    stream = StreamSession(live, visitor, LatestFrameBuffer(), by_origin=True)
    try:
        await live.door.check_any_origin(visitor, poll_ids_in_query(socket.scope["query_string"]))
        stream.acquire_slot()
    except PollwireError as error:
        await refuse(socket, error)
        return
    with stream:
        await socket.accept()
        await _run_socket(live, stream, socket, only=None)


async def refuse(socket: AnySocket, error: PollwireError) -> None:
    """Answers a handshake as HTTP answers a request; closes it bare where the server knows no such answer."""
    await socket.receive()  # websocket.connect, which comes before any answer
    answer = problem_response(error, socket.scope["path"])
    if "websocket.http.response" in (socket.scope.get("extensions") or {}):
        await _send_answer(socket.send, answer)
    else:
        await socket.close()


async def _send_answer(send: Send, answer: HttpResponse) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    start: Any = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": answer.body, "more_body": False}
    await send(start)  # of ASGI's extension, which the framework's types do not know
    await send(body)


def _visitor(socket: AnySocket) -> StreamCredentials:
    scope = socket.scope
    return visitor_of(dict(scope["headers"]), scope["query_string"], client_in(scope))


class _WebSocketTransport:
    """A pump's messages as text frames."""

    def __init__(self, send: Send, stream: StreamSession[LatestFrameBuffer], only: str | None) -> None:
        self._send = send
        self._stream = stream
        self._only = only

    async def frame(self, frame: ResultFrame) -> None:
        await self._text(frame.text)

    async def poll_deleted(self, poll_id: str) -> bool:
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


async def _run_socket(
    live: LiveContext, stream: StreamSession[LatestFrameBuffer], socket: AnySocket, *, only: str | None
) -> None:
    """An accepted socket: reads until the reader leaves, while the pump writes; ``only``: of this poll."""
    receive: Receive = socket.receive
    wire = _WebSocketTransport(socket.send, stream, only)
    conversation = ClientMessageHandler(stream, wire.problem, only=only)

    async def listen() -> None:
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await conversation.handle(message.get("text"))
        finally:
            stream.subscriber.leave()

    listening = asyncio.create_task(listen(), name="socket reader")
    try:
        await FrameSender(stream.subscriber, wire, live.pace).run()
    except (OSError, WebSocketDisconnect):
        return  # the reader left while something was sent (ASGI, the WebSocket send event)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
