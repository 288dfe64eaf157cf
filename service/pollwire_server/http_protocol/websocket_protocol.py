"""uvicorn's WebSocket, for the handshakes that no lane took; what it leaves out is made good.

A handshake that the ``websockets`` library cannot read at all is answered by
nobody there, and hangs. What a client sends before it has our answer to the
handshake would be taken up before that answer is written, a pong sent ahead
of it. A refused handshake is reported as an application's error. A
transport that closes waits for a reader who reads nothing, for ever. And
frames, however many a segment has, are all decoded before anybody else is served.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST_FRAMES: Final = 2_000
"""Of one reader in a second. A page says some ten in all; decoding one takes 10 us, during which nobody else
is served, and the smallest has 6 bytes."""
TOO_MANY: Final = 1008
"""What a socket is closed with that says more (RFC 6455, section 7.4.1)."""
PORTION_BYTES: Final = 4096
"""Decoded before it is looked whether they are too many; a segment may have 250 KB."""
LINGER_S: Final = 15.0
"""From the end of a stream to the end of its connection, whether or not the reader takes the last words;
10 s of it uvicorn itself waits for the closing handshake."""
_UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class GuardedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket on the ordinary way."""

    linger_s = LINGER_S
    _early: bytes = b""
    _end: asyncio.TimerHandle | None = None
    _said = 0
    _counted_from_s = 0.0

    def data_received(self, data: bytes) -> None:
        """The handshake first, then frames, once the handshake is answered."""
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            self.transport.pause_reading()
            return
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated and self.conn.handshake_exc is not None:
                self._refuse()
            return
        for start in range(0, len(data), PORTION_BYTES):
            super().data_received(data[start : start + PORTION_BYTES])
            if self.transport.is_closing():
                return

    def handle_events(self) -> None:
        """What was decoded; a reader who says too much has said the last of it."""
        now = self.loop.time()
        if now - self._counted_from_s >= 1:
            self._counted_from_s, self._said = now, 0
        self._said += len(self.conn.events)
        super().handle_events()
        if self._said > MOST_FRAMES and not self.close_sent and not self.transport.is_closing():
            self.conn.fail(TOO_MANY, "too many frames")
            self.handle_parser_exception()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end.cancel()

    async def run_asgi(self) -> None:
        """The application's part, from handshake to end."""
        await super().run_asgi()
        self._end = self.loop.call_later(self.linger_s, self.transport.abort)

    async def send(self, message: Any) -> None:  # Any: as ASGI types its messages
        """What the application says; nothing, once the socket was closed for what its reader sent."""
        if self.close_sent and message["type"] in ("websocket.send", "websocket.close"):
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # else uvicorn logs an error for each refusal
        elif message["type"] == "websocket.accept":
            self._replay_early_data()

    def _replay_early_data(self) -> None:
        early, self._early = self._early, b""
        if early and not self.transport.is_closing():
            self.data_received(early)
            if not self.read_paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def _refuse(self) -> None:
        """Too many headers, or one too long: the library has an answer; for all else ours."""
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or _UNREADABLE)
        self.transport.close()
