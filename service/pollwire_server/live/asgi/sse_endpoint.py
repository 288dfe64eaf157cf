"""Server-sent events: the same objects, for whoever cannot or need not open a socket.

A browser's EventSource reconnects by itself, sends no headers and hears no
status but 200. So it is told in the stream what a socket would be told by its
close code, and an expired ticket, which stands in the address that it keeps
coming back to, is no error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from litestar.types import Receive, Scope, Send

from pollwire_server.domain.errors import InvalidPoll, PollNotFound, PollwireError, Unavailable
from pollwire_server.live.asgi.frame_sender import FrameSender, LatestFrameBuffer
from pollwire_server.live.read_access import ReadGrant, StreamCredentials
from pollwire_server.live.result_frames import ResultFrame, event, problem_message, reconnect_message
from pollwire_server.live.stream_session import LiveContext, StreamSession

MOST_POLLS: Final = 100
"""Polls that one stream may carry."""
RETRY_MS: Final = 2000
"""What a browser waits before it comes back after a broken connection."""

_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-store"),
    (b"vary", b"Authorization, Cookie"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back until its buffer is full
)


async def open_events(
    live: LiveContext, visitor: StreamCredentials, polls: list[str], *, by_origin: bool
) -> SseResponse:
    """A stream of these polls, those left out of it that do not exist while others do.

    ``by_origin``: and those that the visitor's page may not use. A stream of
    one poll needs no such look, since the page is told by CORS; a stream of
    many is open to a page that may use any of them.

    Raises ``InvalidPoll`` (field ``poll``) for none or more than 100, and like
    ``Door.admit``: for the only poll, for all, and where the store is away.
    """
    wanted = list(dict.fromkeys(polls))
    if not 1 <= len(wanted) <= MOST_POLLS:
        raise InvalidPoll("poll", f"Name 1 to {MOST_POLLS} polls to watch: /v1/events?poll=a&poll=b.")
    live.door.check_open()
    stream = StreamSession(live, visitor, LatestFrameBuffer(), by_origin=by_origin)
    outcomes = await asyncio.gather(*(_admit(stream, poll_id) for poll_id in wanted))
    refusals = {
        poll: error for poll, error in zip(wanted, outcomes, strict=True) if isinstance(error, PollwireError)
    }
    for error in refusals.values():
        if len(refusals) == len(wanted) or isinstance(error, Unavailable):
            raise error
    admitted = {
        poll: admission
        for poll, admission in zip(wanted, outcomes, strict=True)
        if isinstance(admission, ReadGrant)
    }
    return SseResponse(live, stream, admitted, refusals)


async def _admit(stream: StreamSession[LatestFrameBuffer], poll_id: str) -> ReadGrant | PollwireError:
    try:
        return await stream.admit(poll_id)
    except PollwireError as error:
        return error


class _SseTransport:
    """A pump's messages as events."""

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
        await self.write(b":\n\n")

    async def reconnect(self, after_ms: int) -> None:
        await self.write(b"retry: %d\n" % after_ms + event("reconnect", reconnect_message(after_ms)))

    async def close(self, code: int, reason: str) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, error: PollwireError, poll_id: str) -> None:
        await self.write(event("problem", problem_message(error, poll_id)))

    async def write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


class SseResponse:
    """The answer to an admitted request, as the ASGI application that sends it."""

    def __init__(
        self,
        live: LiveContext,
        stream: StreamSession[LatestFrameBuffer],
        admitted: Mapping[str, ReadGrant],
        refusals: Mapping[str, PollwireError],
    ) -> None:
        self._pace = live.pace
        self._stream = stream
        self._admitted = admitted
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the reader leaves or the stream ends. Raises ``NoSeat`` before anything is sent."""
        self._stream.acquire_slot()
        leaving = asyncio.create_task(self._wait_for_the_end(receive), name="event reader")
        try:
            with self._stream:
                await self._serve(_SseTransport(send, self._stream), send)
        except OSError:
            return  # the reader left while something was sent
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def _serve(self, wire: _SseTransport, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await wire.write(b"retry: %d\n\n" % RETRY_MS)
        for poll_id, error in self._refusals.items():
            await wire.problem(error, poll_id)
        for poll_id, admission in self._admitted.items():
            self._stream.watch(poll_id, admission.reader)
        await FrameSender(self._stream.subscriber, wire, self._pace).run()

    async def _wait_for_the_end(self, receive: Receive) -> None:
        message: Any = {"type": "http.request"}
        try:
            while message["type"] != "http.disconnect":
                message = await receive()
        finally:
            self._stream.subscriber.leave()
