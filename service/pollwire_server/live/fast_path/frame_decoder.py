"""What a reader says on a socket, decoded without I/O: made when a reader speaks, dropped after.

Most readers never say anything, and a protocol object weighs 1.5 KB, so a
socket has an ear only between the first byte of something said and the last.
Frames, masks, sizes and closing are the ``websockets`` library's; it neither
joins fragments nor checks UTF-8 (RFC 6455, sections 5.4 and 8.1), so that is
done here; and a reader who says so much that others would wait is heard no more.
"""

from __future__ import annotations

from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from pollwire_server.http_protocol.websocket_protocol import MOST_FRAMES, PORTION_BYTES, TOO_MANY

MESSAGE_BYTES: Final = 16 * 1024
"""A longer message is answered by a close with 1009."""
INVALID_TEXT: Final = 1007


class FrameDecoder:
    """Hears one reader out."""

    __slots__ = ("_is_text", "_message", "_pending_bytes", "_protocol", "frame_count")

    def __init__(self) -> None:
        self.frame_count = 0
        """Frames within this second; whoever counts the seconds sets it."""
        self._protocol = ServerProtocol(state=OPEN, max_size=MESSAGE_BYTES)
        self._message = bytearray()
        self._is_text = False
        self._pending_bytes = 0

    def feed(self, data: bytes) -> list[str | None]:
        """The messages that ``data`` completes, in order; None for a binary one."""
        messages: list[str | None] = []
        for start in range(0, len(data), PORTION_BYTES):
            self._hear_portion(data[start : start + PORTION_BYTES], messages)
            if self.is_closed:
                break
        return messages

    def data_to_send(self) -> bytes:
        """What the protocol itself has to say to that: a pong, a close."""
        return b"".join(self._protocol.data_to_send())

    @property
    def is_closed(self) -> bool:
        """Whether the conversation has ended: nothing may be sent any more, and nothing will be heard."""
        return self._protocol.close_sent is not None or self._protocol.close_expected()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is half said, so that a new ear would hear as well."""
        return self._pending_bytes == 0 and self._protocol.current_size is None

    def _hear_portion(self, data: bytes, messages: list[str | None]) -> None:
        self._protocol.receive_data(data)
        self._pending_bytes += len(data)
        events = self._protocol.events_received()
        self.frame_count += len(events)
        for event in events:
            if isinstance(event, Frame) and not self._take(event, messages):
                return
        if self.frame_count > MOST_FRAMES and not self.is_closed:
            self._protocol.fail(TOO_MANY, "too many frames")

    def _take(self, frame: Frame, messages: list[str | None]) -> bool:
        self._pending_bytes -= _size_of(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return True
        self._message += frame.data
        return self._complete(messages) if frame.fin else True

    def _complete(self, messages: list[str | None]) -> bool:
        whole, self._message = self._message, bytearray()
        try:
            messages.append(whole.decode() if self._is_text else None)
        except UnicodeDecodeError:
            self._protocol.fail(INVALID_TEXT, "text must be UTF-8")
            return False
        return True


def _size_of(frame: Frame) -> int:
    """What a client's frame took on the wire (RFC 6455, section 5.2): the library does not tell.

    A length written longer than it need be makes this too small, so that the
    ear never counts as quiet again; that costs its memory and nothing else.
    """
    size = len(frame.data)
    return 6 + size + (0 if size < 126 else 2 if size < 1 << 16 else 8)
