"""One reader's socket in the lane: the transport's protocol and the hub's subscriber in one small object.

A frame for a reader that keeps up goes straight to the transport. The
transport's buffer may hold nothing (its high-water mark is 0), so the first
byte that the kernel does not take says that the reader is behind: from then
on the newest frame of each poll waits here, in place of the one before it,
and goes out when the transport has room again.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live.asgi.frame_sender import CLOSE_GONE, CLOSE_RESTART, CLOSE_TOO_SLOW
from pollwire_server.live.client_messages import ClientMessageHandler
from pollwire_server.live.fast_path.frame_decoder import FrameDecoder
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.read_access import StreamCredentials
from pollwire_server.live.result_frames import (
    HEARTBEAT,
    ResultFrame,
    problem_message,
    reconnect_message,
    socket_frame,
)
from pollwire_server.live.stream_session import LiveContext, StreamSession

_PING: Final = b"\x89\x00"
_PONG: Final = b"\x8a\x80"
"""What the answer to that begins with; four bytes of mask are the rest (RFC 6455, sections 5.2 and 5.5.3)."""
_PONG_BYTES: Final = 6
_HEARTBEAT: Final = socket_frame(HEARTBEAT)


class WatchRequest(NamedTuple):
    """What a handshake asked for: one poll, as somebody, or (``poll_id`` None) whatever is named later."""

    visitor: StreamCredentials
    poll_id: str | None = None
    reader: ReaderRole = ReaderRole.PUBLIC
    address: bytes = b""
    """Whose seat the socket takes."""


def close_frame(code: int, reason: str) -> bytes:
    """RFC 6455, section 5.5.1; the reason is short ASCII."""
    payload = code.to_bytes(2, "big") + reason.encode("ascii")
    return bytes((0x88, len(payload))) + payload


class FastWebSocket(asyncio.Protocol):
    """From the handshake's answer to the end of the connection."""

    __slots__ = (
        "_blocked_since",
        "_ear",
        "_ends_at",
        "_head",
        "_heard_at",
        "_is_left",
        "_is_pinged",
        "_live",
        "_message_task",
        "_said",
        "_sent_at",
        "_server_connections",
        "_stream",
        "_transport",
        "_waiting",
        "_watch",
        "_wheel",
        "_writable",
    )

    def __init__(
        self,
        live: LiveContext,
        wheel: TimerWheel,
        watch: WatchRequest,
        transport: asyncio.Transport,
        among: set[Any],  # of uvicorn's connections, which are of several classes
    ) -> None:
        self._live = live
        self._wheel = wheel
        self._watch = watch
        self._transport = transport
        self._server_connections = among
        self._head = b""
        self._waiting: dict[str, ResultFrame] | None = None
        self._blocked_since: float | None = None
        self._ends_at: float | None = None
        self._is_left = False
        self._is_pinged = False
        self._said = 0
        self._ear: FrameDecoder | None = None
        self._message_task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._stream: StreamSession[FastWebSocket] | None = None
        self._heard_at = self._sent_at = wheel.now

    def open(self, head: bytes, rest: bytes) -> None:
        """Takes the transport over; ``head`` answers the handshake, ``rest`` came behind it.

        The answer waits for the first frame, to leave in one write with it;
        should the store be away, the wheel sends it alone.
        """
        transport, watch = self._transport, self._watch
        transport.set_write_buffer_limits(0)
        transport.set_protocol(self)
        self._server_connections.add(self)
        self._live.hub.join(self)
        self._wheel.schedule(self, self._wheel.now + 1)
        self._heard_at = self._sent_at = self._wheel.now
        if watch.poll_id is None:
            self._write(head)
        else:
            self._head = head
            self._live.feed.watch(watch.poll_id, self, watch.reader)
        if rest:
            self.data_received(rest)

    # What the hub says --------------------------------------------------------------------------------

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """The newest frame of a poll, in place of any that was not sent yet."""
        if self._blocked_since is None:
            if self._head:
                self._write(frame.socket_bytes)
            else:  # ``_write`` itself, written out: this is all that a delivery costs here
                self._sent_at = self._wheel.now
                self._transport.write(frame.socket_bytes)
        elif self._waiting is None:
            self._waiting = {poll_id: frame}
        else:
            self._waiting[poll_id] = frame

    def poll_deleted(self, poll_id: str) -> None:
        """The poll does not exist any more; a socket of its own ends with it."""
        self._send_problem(PollNotFound(poll_id), poll_id)
        if self._stream is not None:
            self._stream.unwatch(poll_id)
        if poll_id == self._watch.poll_id:
            self._end(CLOSE_GONE, "there is no such poll")

    def ask_to_reconnect(self, after_ms: int) -> None:
        """The service stops: the reader is told when to come back."""
        self._write(socket_frame(reconnect_message(after_ms)))
        self._end(CLOSE_RESTART, "the service restarts")

    def discard(self, poll_id: str) -> None:
        """The reader wants to hear of the poll no more."""
        if self._waiting is not None:
            self._waiting.pop(poll_id, None)

    # What the transport says --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """The reader speaks."""
        if self._heard_at != self._wheel.now:
            self._heard_at, self._said = self._wheel.now, 0
        self._is_pinged = False
        ear = self._ear
        if ear is None:
            if len(data) == _PONG_BYTES and data.startswith(_PONG):
                return  # nearly all that readers ever say
            ear = FrameDecoder()
        ear.frame_count = self._said
        messages = ear.feed(data)
        self._said = ear.frame_count
        reply = ear.data_to_send()
        is_ours = self._ends_at is None and not self._is_left
        if is_ours and reply:
            self._write(reply)
        if ear.is_closed:
            self._leave()
            self._transport.close()
        elif is_ours and messages:
            self._answer(messages)
        self._ear = None if ear.is_idle else ear

    def eof_received(self) -> None:
        """The reader will say nothing more; the transport closes itself."""

    def pause_writing(self) -> None:
        """The reader is behind. Nor is it heard: what it asks for meanwhile would only pile up."""
        self._blocked_since = self._wheel.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The reader has caught up: it gets the newest of what waited."""
        self._blocked_since = None
        while self._waiting and self._blocked_since is None:
            poll_id = next(iter(self._waiting))
            self._write(self._waiting.pop(poll_id).socket_bytes)
        if not self._waiting:
            self._waiting = None
        if self._blocked_since is None:
            if self._writable is not None and not self._writable.done():
                self._writable.set_result(None)
            if self._message_task is None:
                self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._leave()
        self._server_connections.discard(self)

    def shutdown(self) -> None:
        """The server stops now."""
        self._end(CLOSE_RESTART, "the service restarts")
        self._transport.close()

    # What time says -----------------------------------------------------------------------------------

    def on_timer(self) -> float | None:
        """The wheel's look: ends what is over, closes who is too slow or gone, keeps the rest alive."""
        transport, now, pace = self._transport, self._wheel.now, self._live.pace
        if self._ends_at is not None:
            if now < self._ends_at and not transport.is_closing():
                return self._ends_at
            transport.abort()
            return None
        is_silent = now - self._heard_at >= 2 * pace.ping_s + pace.check_s
        if self._is_left or transport.is_closing() or is_silent:
            transport.abort()
            return None
        if self._blocked_since is not None:
            if now - self._blocked_since >= pace.slow_s:
                self._end(CLOSE_TOO_SLOW, "the reader is too slow")
        else:
            self._keep_alive(now)
        return self._next_look(now) if self._ends_at is None else self._ends_at

    def _next_look(self, now: float) -> float:
        return now + min(self._live.pace.check_s, self._live.pace.heartbeat_s)

    def _keep_alive(self, now: float) -> None:
        pace = self._live.pace
        if self._head:
            self._write(b"")
        if now - self._heard_at >= pace.ping_s and not self._is_pinged:
            self._is_pinged = True
            self._transport.write(_PING)  # a page cannot see it, so it breaks no silence
        if self._next_look(now) - self._sent_at > pace.heartbeat_s:
            self._write(_HEARTBEAT)

    # What it does -------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        self._sent_at = self._wheel.now
        self._transport.write(data)

    async def _answer_problem(self, error: PollwireError, poll_id: str | None) -> None:
        """For the conversation, which goes on once the reader has taken the answer."""
        self._send_problem(error, poll_id)
        if self._blocked_since is not None:
            if self._writable is None or self._writable.done():
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)  # others may wait for it, too

    def _send_problem(self, error: PollwireError, poll_id: str | None) -> None:
        if self._ends_at is None and not self._is_left:
            self._write(socket_frame(problem_message(error, poll_id)))

    def _answer(self, messages: list[str | None]) -> None:
        """Does what the reader says, in order, in a task that lasts as long as that; reading waits for it."""
        if self._stream is None:
            self._stream = StreamSession(self._live, self._watch.visitor, self, by_origin=True)
            if self._watch.poll_id is not None:
                self._stream.polls.add(self._watch.poll_id)
        self._transport.pause_reading()
        conversation = ClientMessageHandler(self._stream, self._answer_problem, only=self._watch.poll_id)
        self._message_task = asyncio.get_running_loop().create_task(conversation.hear_all(messages))
        self._message_task.add_done_callback(self._heard)

    def _heard(self, _: asyncio.Task[None]) -> None:
        self._message_task = None
        if not self._transport.is_closing() and self._blocked_since is None:
            self._transport.resume_reading()

    def _end(self, code: int, reason: str) -> None:
        """Says why, and gives the reader a moment to answer."""
        if self._ends_at is None and not self._is_left:
            self._write(close_frame(code, reason))
            self._leave()
            self._ends_at = self._wheel.now + self._live.pace.last_words_s

    def _leave(self) -> None:
        """Watches nothing any more."""
        if self._is_left:
            return
        self._is_left = True
        self._waiting = None
        if self._message_task is not None:
            self._message_task.cancel()  # it could begin to watch another poll
        feed, polls = self._live.feed, set(self._stream.polls) if self._stream else set[str]()
        if self._watch.poll_id is not None:
            polls.add(self._watch.poll_id)
        for poll_id in polls:
            feed.unwatch(poll_id, self)
        self._live.hub.leave(self)
        self._live.seats.release(self._watch.address)
