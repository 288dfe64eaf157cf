"""WebSocket streams on the ASGI path: for a single poll, and for many polls.

Each socket has two tasks. The frame sender writes results, and the listener handles the client's messages.
The server closes sockets that violate the WebSocket protocol (a message over 16 KiB, text that is not UTF-8).
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
from pollwire_server.live.read_access import StreamCredentials, credentials_from
from pollwire_server.live.result_frames import HEARTBEAT, ResultFrame, problem_message, reconnect_message
from pollwire_server.live.stream_session import LiveContext, StreamSession
from pollwire_server.problem_details import HttpResponse, problem_response

AnySocket = WebSocket[Any, Any, Any]  # Any: the framework's user, auth and state are not used


async def serve_one(live: LiveContext, socket: AnySocket, poll_id: str) -> None:
    """Serve ``WS /v1/polls/{id}/live``, from handshake to close."""
    stream = StreamSession(live, _credentials(socket), LatestFrameBuffer(), check_origin=True)
    try:
        grant = await stream.authorize(poll_id)
        stream.acquire_slot()
    except PollwireError as error:
        await reject(socket, error)
        return
    with stream:
        await socket.accept()
        stream.watch(poll_id, grant)
        await _run_socket(live, stream, socket, only_poll=poll_id)


async def serve_many(live: LiveContext, socket: AnySocket) -> None:
    """Serve ``WS /v1/live``, from handshake to close."""
    credentials = _credentials(socket)
    stream = StreamSession(live, credentials, LatestFrameBuffer(), check_origin=True)
    try:
        await live.access.check_any_origin(credentials, poll_ids_in_query(socket.scope["query_string"]))
        stream.acquire_slot()
    except PollwireError as error:
        await reject(socket, error)
        return
    with stream:
        await socket.accept()
        await _run_socket(live, stream, socket, only_poll=None)


async def reject(socket: AnySocket, error: PollwireError) -> None:
    """Reject a handshake with a problem document, or a bare close if the server lacks the ASGI extension."""
    await socket.receive()  # websocket.connect, which precedes every response
    response = problem_response(error, socket.scope["path"])
    if "websocket.http.response" in (socket.scope.get("extensions") or {}):
        await _send_response(socket.send, response)
    else:
        await socket.close()


async def _send_response(send: Send, response: HttpResponse) -> None:
    headers = [*response.headers, (b"content-length", str(len(response.body)).encode())]
    start: Any = {"type": "websocket.http.response.start", "status": response.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": response.body, "more_body": False}
    await send(start)  # the framework has no types for this ASGI extension
    await send(body)


def _credentials(socket: AnySocket) -> StreamCredentials:
    scope = socket.scope
    return credentials_from(dict(scope["headers"]), scope["query_string"], client_in(scope))


class _WebSocketTransport:
    """Sends stream messages as WebSocket text messages."""

    def __init__(self, send: Send, stream: StreamSession[LatestFrameBuffer], only_poll: str | None) -> None:
        self._send = send
        self._stream = stream
        self._only_poll = only_poll

    async def frame(self, frame: ResultFrame) -> None:
        await self._text(frame.text)

    async def poll_deleted(self, poll_id: str) -> bool:
        self._stream.unwatch(poll_id)
        await self.problem(PollNotFound(poll_id), poll_id)
        return poll_id == self._only_poll

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
    live: LiveContext, stream: StreamSession[LatestFrameBuffer], socket: AnySocket, *, only_poll: str | None
) -> None:
    """Handle messages and send results until the socket ends. ``only_poll``: of a single-poll socket."""
    receive: Receive = socket.receive
    transport = _WebSocketTransport(socket.send, stream, only_poll)
    network = client_in(socket.scope).network
    handler = ClientMessageHandler(
        stream,
        transport.problem,
        only_poll=only_poll,
        count_refusal=lambda: live.refusals.count(network),
    )

    async def listen() -> None:
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await handler.handle(message.get("text"))
        finally:
            stream.subscriber.close()

    listener = asyncio.create_task(listen(), name="websocket listener")
    try:
        await FrameSender(stream.subscriber, transport, live.timeouts).run()
    except (OSError, WebSocketDisconnect):
        return  # the client disconnected during a send (ASGI, the WebSocket send event)
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
