"""Server-sent event streams: the messages of WebSockets, for clients that cannot or need not open a socket.

A browser's EventSource reconnects by itself, cannot send headers, and does not report any status but 200. So
the stream itself carries what a WebSocket says in its close code. An expired ticket is not an error, because
it is part of the URL that EventSource reconnects to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from litestar.types import Receive, Scope, Send

from pollwire_server.domain.errors import InvalidPoll, PollNotFound, PollwireError, Unavailable
from pollwire_server.live.asgi.frame_sender import FrameSender, LatestFrameBuffer
from pollwire_server.live.read_access import ReadGrant, StreamCredentials
from pollwire_server.live.result_frames import (
    HEARTBEAT,
    ResultFrame,
    event,
    problem_message,
    reconnect_message,
)
from pollwire_server.live.stream_session import LiveContext, StreamSession

MAX_POLLS: Final = 100
"""Polls that one stream may watch."""
RETRY_MS: Final = 2000
"""Time after which a browser reconnects when the connection breaks."""

_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-store"),
    (b"vary", b"Authorization, Cookie"),
    (b"x-accel-buffering", b"no"),  # else nginx delays events until its buffer is full
)


async def open_events(
    live: LiveContext, credentials: StreamCredentials, polls: list[str], *, check_origin: bool
) -> SseResponse:
    """Return a stream of these polls, without those that do not exist or that the client may not watch.

    ``check_origin``: also leave out polls that the client's origin may not use. The route of a single poll
    does not need this check, because the browser applies its CORS headers. A stream of many polls is open to
    every page that may use one of them.

    Raises ``InvalidPoll`` (field ``poll``) for no poll or more than 100. Raises like ``ReadAccess.authorize``
    if no poll is left, or if the store is unavailable.
    """
    requested = list(dict.fromkeys(polls))
    if not 1 <= len(requested) <= MAX_POLLS:
        raise InvalidPoll("poll", f"Name 1 to {MAX_POLLS} polls: /v1/events?poll=a&poll=b.")
    live.access.check_open()
    stream = StreamSession(live, credentials, LatestFrameBuffer(), check_origin=check_origin)
    results = await asyncio.gather(*(_authorize(stream, poll_id) for poll_id in requested))
    errors = {
        poll: error
        for poll, error in zip(requested, results, strict=True)
        if isinstance(error, PollwireError)
    }
    for _ in errors:
        live.refusals.count(credentials.client.network)  # each of them was looked up
    for error in errors.values():
        if len(errors) == len(requested) or isinstance(error, Unavailable):
            raise error
    grants = {
        poll: grant for poll, grant in zip(requested, results, strict=True) if isinstance(grant, ReadGrant)
    }
    return SseResponse(live, stream, grants, errors)


async def _authorize(stream: StreamSession[LatestFrameBuffer], poll_id: str) -> ReadGrant | PollwireError:
    try:
        return await stream.authorize(poll_id)
    except PollwireError as error:
        return error


class _SseTransport:
    """Sends stream messages as server-sent events."""

    def __init__(self, send: Send, stream: StreamSession[LatestFrameBuffer]) -> None:
        self._send = send
        self._stream = stream

    async def frame(self, frame: ResultFrame) -> None:
        await self.write(frame.event_bytes)

    async def poll_deleted(self, poll_id: str) -> bool:
        self._stream.unwatch(poll_id)
        await self.problem(PollNotFound(poll_id), poll_id)
        return not self._stream.polls

    async def heartbeat(self) -> None:
        await self.write(event("heartbeat", HEARTBEAT))  # an event: pages cannot see comments

    async def reconnect(self, after_ms: int) -> None:
        await self.write(b"retry: %d\n" % after_ms + event("reconnect", reconnect_message(after_ms)))

    async def close(self, code: int, reason: str) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, error: PollwireError, poll_id: str | None = None) -> None:
        await self.write(event("problem", problem_message(error, poll_id)))

    async def write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


class SseResponse:
    """ASGI application that sends the stream."""

    def __init__(
        self,
        live: LiveContext,
        stream: StreamSession[LatestFrameBuffer],
        grants: Mapping[str, ReadGrant],
        errors: Mapping[str, PollwireError],
    ) -> None:
        self._timeouts = live.timeouts
        self._stream = stream
        self._grants = grants
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends. Raises ``ConnectionLimitExceeded`` before anything is sent."""
        self._stream.acquire_slot()
        disconnect = asyncio.create_task(self._wait_for_disconnect(receive), name="sse disconnect")
        try:
            with self._stream:
                await self._serve(_SseTransport(send, self._stream), send)
        except OSError:
            return  # the client disconnected during a send
        finally:
            disconnect.cancel()
            await asyncio.gather(disconnect, return_exceptions=True)

    async def _serve(self, transport: _SseTransport, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await transport.write(b"retry: %d\n\n" % RETRY_MS)
        for poll_id, error in self._errors.items():
            await transport.problem(error, poll_id)
        for poll_id, grant in self._grants.items():
            self._stream.watch(poll_id, grant)
        await FrameSender(self._stream.subscriber, transport, self._timeouts).run()

    async def _wait_for_disconnect(self, receive: Receive) -> None:
        message: Any = {"type": "http.request"}
        try:
            while message["type"] != "http.disconnect":
                message = await receive()
        finally:
            self._stream.subscriber.close()
