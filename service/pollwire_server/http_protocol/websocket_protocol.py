"""uvicorn's WebSocket protocol, for handshakes on the ASGI path, with its gaps closed.

uvicorn leaves six gaps. A handshake that the ``websockets`` library cannot parse gets no response and hangs.
Frames sent before the handshake is answered are processed too early, so that a pong could precede the
response. A rejected handshake is logged as an application error. A closing transport waits without limit for
a client that does not read. All frames of a segment, however many, are decoded before other connections are
served. Text that is not UTF-8 is logged with a traceback, so that any client can fill the log.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from pollwire_server.http_protocol.connection_table import NetworkConnections

MAX_FRAMES_PER_S: Final = 2_000
"""Per connection. A page sends about ten in total. Decoding one takes 10 us, which blocks the event loop.
The smallest frame has 6 bytes."""
POLICY_VIOLATION: Final = 1008
"""Close code for connections that exceed the frame rate (RFC 6455, section 7.4.1)."""
INVALID_DATA: Final = 1007
"""Close code for text that is not UTF-8 (RFC 6455, section 7.4.1)."""
DECODE_CHUNK_BYTES: Final = 4096
"""Bytes decoded between two checks of the frame rate. A segment may have 250 KB."""
LINGER_S: Final = 15.0
"""Time from the end of a stream until its connection is aborted, even if the client has not read everything.
uvicorn waits for 10 s of it for the closing handshake."""
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class GuardedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection on the ASGI path."""

    linger_s = LINGER_S
    _network: NetworkConnections | None = None
    _early_data: bytes = b""
    _abort_timer: asyncio.TimerHandle | None = None
    _frame_count = 0
    _counting_since_s = 0.0

    def join_network(self, network: NetworkConnections) -> None:
        """Count this connection in its network, in place of the HTTP connection that it replaces."""
        if not self.transport.is_closing():
            self._network = network
            network.add(self)

    def idle_since(self) -> None:
        """Return None: a stream is never idle."""

    def is_stream(self) -> bool:
        """Return True."""
        return True

    def evict(self) -> None:
        """Close with 1012, because another connection needs the place. The client reconnects."""
        self.shutdown()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Decode the handshake, then frames. Data that arrives before the response is buffered."""
        if self.handshake_initiated and not self.handshake_complete:
            self._early_data += data
            self.transport.pause_reading()
            return
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated and self.conn.handshake_exc is not None:
                self._reject()
            return
        for start in range(0, len(data), DECODE_CHUNK_BYTES):
            super().data_received(data[start : start + DECODE_CHUNK_BYTES])
            if self.transport.is_closing():
                return

    def handle_events(self) -> None:
        """Handle the decoded frames. Close the connection if it exceeds the frame rate."""
        now = self.loop.time()
        if now - self._counting_since_s >= 1:
            self._counting_since_s, self._frame_count = now, 0
        self._frame_count += len(self.conn.events)
        super().handle_events()
        if self._frame_count > MAX_FRAMES_PER_S and not self.close_sent and not self.transport.is_closing():
            self.conn.fail(POLICY_VIOLATION, "too many frames")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Pass a message to the application. Text that is not UTF-8 closes with 1007 (RFC 6455, 8.1)."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                if not self.close_sent:
                    self.conn.fail(INVALID_DATA)  # has no effect if a close frame came in the same segment
                    self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the connection has ended."""
        super().connection_lost(exc)
        if self._network is not None:
            self._network.discard(self)
        if self._abort_timer is not None:
            self._abort_timer.cancel()

    async def run_asgi(self) -> None:
        """Run the application for this connection, then limit the time that closing takes."""
        await super().run_asgi()
        self._abort_timer = self.loop.call_later(self.linger_s, self.transport.abort)

    async def send(self, message: Any) -> None:  # Any: as ASGI types its messages
        """Send an ASGI message of the application. Dropped if this protocol has closed the connection."""
        if self.close_sent and message["type"] in ("websocket.send", "websocket.close"):
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # else uvicorn logs an error for each rejected handshake
        elif message["type"] == "websocket.accept":
            self._replay_early_data()

    def _replay_early_data(self) -> None:
        early_data, self._early_data = self._early_data, b""
        if early_data and not self.transport.is_closing():
            self.data_received(early_data)
            if not self.read_paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def _reject(self) -> None:
        """Send the library's response (too many or too long headers), or else a bare 400."""
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_REQUEST)
        self.transport.close()
