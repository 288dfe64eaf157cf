"""WebSocket connection on the fast path: asyncio protocol and hub subscriber in one small object.

While the client keeps up, a frame goes straight to the transport. The transport's high-water mark is 0, so
the first byte that the kernel does not accept marks the client as behind. From then on the newest frame of
each poll is stored by the delivery policy and sent once the transport is writable again.

The object inherits from ``DeliveryPolicy`` instead of holding one. With 15,000 sockets each object counts.
Parts that most sockets never need are created on first use: the unsent frames, the frame decoder, the
session.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.tickets import Ticket
from pollwire_server.domain.errors import PollNotFound, PollwireError
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.http_protocol import ConnectionRegistry
from pollwire_server.live.client_messages import ClientMessageHandler
from pollwire_server.live.delivery_policy import (
    ACCESS_REVOKED,
    POLL_DELETED,
    RESTARTING,
    TOO_SLOW,
    CloseReason,
    DeliveryPolicy,
    Overdue,
)
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
_PONG_START: Final = b"\x8a\x80"
"""First bytes of the reply to ``_PING``. Four bytes of mask follow (RFC 6455, sections 5.2 and 5.5.3)."""
_PONG_BYTES: Final = 6
_HEARTBEAT: Final = socket_frame(HEARTBEAT)


class WatchRequest(NamedTuple):
    """Parsed handshake of a single-poll socket, or of a multi-poll socket (``poll_id`` is None)."""

    credentials: StreamCredentials
    poll_id: str | None = None
    role: ReaderRole = ReaderRole.PUBLIC
    reader: Ticket | None = None
    """The reader whose credential decided the role."""
    address: bytes = b""
    """The address that the connection slot is counted for."""


def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame (RFC 6455, section 5.5.1). The reason must be short ASCII."""
    payload = code.to_bytes(2, "big") + reason.encode("ascii")
    return bytes((0x88, len(payload))) + payload


class FastWebSocket(DeliveryPolicy, asyncio.Protocol):
    """One WebSocket connection, from the handshake response to the end."""

    __slots__ = (
        "_decoder",
        "_frame_count",
        "_handshake_response",
        "_has_left",
        "_is_pinged",
        "_live",
        "_message_task",
        "_received_at",
        "_server_connections",
        "_stream",
        "_transport",
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
        server_connections: ConnectionRegistry,
    ) -> None:
        super().__init__(wheel.now)
        self._live = live
        self._wheel = wheel
        self._watch = watch
        self._transport = transport
        self._server_connections = server_connections
        self._handshake_response = b""
        self._has_left = False
        self._is_pinged = False
        self._frame_count = 0
        self._decoder: FrameDecoder | None = None
        self._message_task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._stream: StreamSession[FastWebSocket] | None = None
        self._received_at = wheel.now

    def open(self, handshake_response: bytes, rest: bytes) -> None:
        """Take over the transport. ``rest`` holds the bytes that followed the handshake.

        The handshake response waits for the first frame, so that both leave in one write. If the store is
        unavailable, the timer sends the response alone.
        """
        transport, watch = self._transport, self._watch
        transport.set_write_buffer_limits(0)
        transport.set_protocol(self)
        self._server_connections.add(self)
        self._live.hub.join(self)
        self._wheel.schedule(self, self._wheel.now + 1)
        self._received_at = self.last_sent_at = self._wheel.now
        if watch.poll_id is None:
            self._write(handshake_response)
        else:
            self._handshake_response = handshake_response
            self._live.hub.revocable.add(watch.reader, self)
            self._live.feed.watch(watch.poll_id, self, watch.role)
        if rest:
            self.data_received(rest)

    # Calls of the hub ---------------------------------------------------------------------------------

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """Send the newest frame of a poll, or store it in place of an unsent one."""
        # ``_write`` and ``put_frame`` are inlined: this is the whole cost of a delivery to a socket.
        if self.blocked_since is None:
            if self._handshake_response:
                self._write(frame.socket_bytes)
            else:
                self.last_sent_at = self._wheel.now
                self._transport.write(frame.socket_bytes)
        elif self._pending is None:
            self._pending = {poll_id: frame}
        else:
            self._pending[poll_id] = frame

    def poll_deleted(self, poll_id: str) -> None:
        """Send that a poll does not exist any more, and close a single-poll socket of it.

        Sent even if the client is behind: it is short, and it ends the subscription.
        """
        self.discard(poll_id)
        self._send_problem(PollNotFound(poll_id), poll_id)
        if self._stream is not None:
            self._stream.unwatch(poll_id)
        if poll_id == self._watch.poll_id:
            self._close(POLL_DELETED)

    def ask_to_reconnect(self, after_ms: int) -> None:
        """Ask the client to reconnect, and close the socket. Unsent frames are dropped."""
        self._write(socket_frame(reconnect_message(after_ms)))
        self._close(RESTARTING)

    def end_access(self, error: PollwireError) -> None:
        """Send the error and close the socket. Unsent frames are dropped."""
        self._send_problem(error, None)
        self._close(ACCESS_REVOKED)

    # Calls of the transport ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Decode data of the client and handle complete messages."""
        if self._received_at != self._wheel.now:
            self._received_at, self._frame_count = self._wheel.now, 0
        self._is_pinged = False
        decoder = self._decoder
        if decoder is None:
            if len(data) == _PONG_BYTES and data.startswith(_PONG_START):
                return  # most clients never send anything else
            decoder = FrameDecoder()
        decoder.frame_count = self._frame_count
        messages = decoder.feed(data)
        self._frame_count = decoder.frame_count
        reply = decoder.data_to_send()
        is_open = self.closes_at is None and not self._has_left
        if is_open and reply:
            self._write(reply)
        if decoder.is_closed:
            self._leave()
            self._transport.close()
        elif is_open and messages:
            self._handle(messages)
        self._decoder = None if decoder.is_idle else decoder

    def eof_received(self) -> None:
        """Do nothing when the client sends no more data. The transport closes itself."""

    def pause_writing(self) -> None:
        """Stop sending and reading, because the client is behind. Further replies would only pile up."""
        self.blocked_since = self._wheel.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Send the stored frames, and read again once the transport has accepted all of them."""
        self.blocked_since = None
        while self.blocked_since is None and (pending := self.next_pending()) is not None:
            _, frame = pending
            if frame is not None:
                self._write(frame.socket_bytes)
        if self.blocked_since is None:
            if self._writable is not None and not self._writable.done():
                self._writable.set_result(None)
            if self._message_task is None:
                self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Unsubscribe from everything after the connection has ended."""
        self._leave()
        self._server_connections.discard(self)

    def shutdown(self) -> None:
        """Close the connection, because the server stops now."""
        self._close(RESTARTING)
        self._transport.close()

    def idle_since(self) -> None:
        """Return None: a stream is never idle."""

    def is_stream(self) -> bool:
        """Return True."""
        return True

    def evict(self) -> None:
        """Close with 1012, because another connection needs the place. The client reconnects."""
        self.shutdown()
        if self._transport.get_write_buffer_size():
            self._transport.abort()

    # Calls of the timer wheel -------------------------------------------------------------------------

    def on_timer(self) -> float | None:
        """Abort a closing or silent connection, close a slow one, and keep the others alive."""
        transport, now, timeouts = self._transport, self._wheel.now, self._live.timeouts
        deadline = self.deadline(timeouts)
        if deadline.action is Overdue.ABORT:
            if now < deadline.at and not transport.is_closing():
                return deadline.at
            transport.abort()
            return None
        is_silent = now - self._received_at >= 2 * timeouts.ping_s + timeouts.check_interval_s
        if self._has_left or transport.is_closing() or is_silent:
            transport.abort()
            return None
        next_check_at = now + min(timeouts.check_interval_s, timeouts.heartbeat_s)
        if deadline.action is Overdue.CLOSE_AS_TOO_SLOW:
            if now >= deadline.at:
                self._close(TOO_SLOW)
        else:
            self._keep_alive(now, send_heartbeat=next_check_at > deadline.at)
        return next_check_at if self.closes_at is None else self.closes_at

    def _keep_alive(self, now: float, *, send_heartbeat: bool) -> None:
        if self._handshake_response:
            self._write(b"")
            send_heartbeat = False
        if now - self._received_at >= self._live.timeouts.ping_s and not self._is_pinged:
            self._is_pinged = True
            self._transport.write(_PING)  # pages cannot see pings, so last_sent_at stays
        if send_heartbeat:
            self._write(_HEARTBEAT)

    # Sending and closing ------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if self._handshake_response:
            data, self._handshake_response = self._handshake_response + data, b""
        self.last_sent_at = self._wheel.now
        self._transport.write(data)

    async def _reply_problem(self, error: PollwireError, poll_id: str | None) -> None:
        """Send a problem in reply to a message. Wait until the transport is writable again."""
        self._send_problem(error, poll_id)
        if self.blocked_since is not None:
            if self._writable is None or self._writable.done():
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)  # concurrent replies wait for the same future

    def _send_problem(self, error: PollwireError, poll_id: str | None) -> None:
        if self.closes_at is None and not self._has_left:
            self._write(socket_frame(problem_message(error, poll_id)))

    def _handle(self, messages: list[str | None]) -> None:
        """Handle messages in a task, in order. Reading is paused until the task is done."""
        if self._stream is None:
            self._stream = StreamSession(self._live, self._watch.credentials, self, check_origin=True)
            if self._watch.poll_id is not None:
                self._stream.polls.add(self._watch.poll_id)
        self._transport.pause_reading()
        network = ClientAddress(self._watch.address).network
        handler = ClientMessageHandler(
            self._stream,
            self._reply_problem,
            only_poll=self._watch.poll_id,
            count_refusal=lambda: self._live.refusals.count(network),
        )
        self._message_task = asyncio.get_running_loop().create_task(handler.handle_all(messages))
        self._message_task.add_done_callback(self._on_handled)

    def _on_handled(self, _: asyncio.Task[None]) -> None:
        self._message_task = None
        if not self._transport.is_closing() and self.blocked_since is None:
            self._transport.resume_reading()

    def _close(self, close: CloseReason) -> None:
        """Send a close frame and start the close timeout."""
        if self.closes_at is None and not self._has_left:
            self._write(close_frame(close.code, close.reason))
            self._leave()
            self.begin_close(self._wheel.now, self._live.timeouts)

    def _leave(self) -> None:
        """Unsubscribe from all polls and release the connection slot."""
        if self._has_left:
            return
        self._has_left = True
        self.discard_all()
        if self._message_task is not None:
            self._message_task.cancel()  # it could subscribe to another poll
        feed, polls = self._live.feed, set(self._stream.polls) if self._stream else set[str]()
        if self._watch.poll_id is not None:
            polls.add(self._watch.poll_id)
        for poll_id in polls:
            feed.unwatch(poll_id, self)
        self._live.hub.remove_subscriber(self)
        self._live.connection_limiter.release(self._watch.address)
