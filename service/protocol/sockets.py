"""uvicorn's WebSocket, for the handshakes that no lane took; what it leaves out is made good.

A handshake that the ``websockets`` library cannot read at all is answered by
nobody there, and hangs. What a client sends before it has our answer to the
handshake would be taken up before that answer is written, a pong sent ahead
of it. A refused handshake is reported as an application's error. And a
transport that closes waits for a reader who reads nothing, for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_S: Final = 15.0
"""From the end of a stream to the end of its connection, whether or not the reader takes the last words;
10 s of it uvicorn itself waits for the closing handshake."""
_UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket on the ordinary way."""

    linger_s = LINGER_S
    _early: bytes = b""
    _end: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """The handshake first, then frames, once the handshake is answered."""
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            self.transport.pause_reading()
            return
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self._refuse()

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
            self._hear_early()

    def _hear_early(self) -> None:
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
