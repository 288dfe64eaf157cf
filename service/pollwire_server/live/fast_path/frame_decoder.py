"""Sans-I/O decoder for client WebSocket frames. Released as soon as no partial frame remains.

Most clients never send a message, and a protocol object takes 1.5 KB. So a socket has a decoder only between
the first and the last byte of a message. The ``websockets`` library parses frames, removes masks, checks
sizes and handles close frames. It neither joins fragments nor checks UTF-8 (RFC 6455, sections 5.4 and 8.1),
so this class does. It also closes connections that exceed the frame rate, because decoding would delay other
clients.
"""

from __future__ import annotations

from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from pollwire_server.http_protocol.websocket_protocol import (
    DECODE_CHUNK_BYTES,
    MAX_FRAMES_PER_S,
    POLICY_VIOLATION,
)

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""A longer message closes the connection with 1009."""
INVALID_TEXT: Final = 1007


class FrameDecoder:
    """Decodes the frames of one connection."""

    __slots__ = ("_is_text", "_message", "_pending_bytes", "_protocol", "frame_count")

    def __init__(self) -> None:
        self.frame_count = 0
        """Frames in the current second. The caller resets it every second."""
        self._protocol = ServerProtocol(state=OPEN, max_size=MAX_MESSAGE_BYTES)
        self._message = bytearray()
        self._is_text = False
        self._pending_bytes = 0

    def feed(self, data: bytes) -> list[str | None]:
        """Return the messages that ``data`` completes, in order. A binary message is None."""
        messages: list[str | None] = []
        for start in range(0, len(data), DECODE_CHUNK_BYTES):
            self._feed_chunk(data[start : start + DECODE_CHUNK_BYTES], messages)
            if self.is_closed:
                break
        return messages

    def data_to_send(self) -> bytes:
        """Return the protocol's own replies: pong and close frames."""
        return b"".join(self._protocol.data_to_send())

    @property
    def is_closed(self) -> bool:
        """Return True if the connection is closed: nothing more may be sent and nothing more is decoded."""
        return self._protocol.close_sent is not None or self._protocol.close_expected()

    @property
    def is_idle(self) -> bool:
        """Return True if no partial frame or message is buffered, so the decoder can be discarded."""
        return self._pending_bytes == 0 and self._protocol.current_size is None

    def _feed_chunk(self, data: bytes, messages: list[str | None]) -> None:
        self._protocol.receive_data(data)
        self._pending_bytes += len(data)
        events = self._protocol.events_received()
        self.frame_count += len(events)
        for event in events:
            if isinstance(event, Frame) and not self._add_frame(event, messages):
                return
        if self.frame_count > MAX_FRAMES_PER_S and not self.is_closed:
            self._protocol.fail(POLICY_VIOLATION, "too many frames")

    def _add_frame(self, frame: Frame, messages: list[str | None]) -> bool:
        self._pending_bytes -= _wire_size(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return True
        self._message += frame.data
        return self._complete(messages) if frame.fin else True

    def _complete(self, messages: list[str | None]) -> bool:
        message, self._message = self._message, bytearray()
        try:
            messages.append(message.decode() if self._is_text else None)
        except UnicodeDecodeError:
            self._protocol.fail(INVALID_TEXT, "text must be UTF-8")
            return False
        return True


def _wire_size(frame: Frame) -> int:
    """Return the size (bytes) of a client's frame on the wire (RFC 6455, section 5.2).

    The library does not report it. The result is too small if the client encodes the length in more bytes
    than necessary. The decoder is then never idle again, which costs its memory and nothing else.
    """
    size = len(frame.data)
    return 6 + size + (0 if size < 126 else 2 if size < 1 << 16 else 8)
