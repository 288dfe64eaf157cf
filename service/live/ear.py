"""What a reader says on a socket, decoded without I/O: made when a reader speaks, dropped after.

Most readers never say anything, and a protocol object weighs 1.5 KB, so a
socket has an ear only between the first byte of something said and the last.
Frames, masks, sizes and closing are the ``websockets`` library's; it neither
joins fragments nor checks UTF-8 (RFC 6455, sections 5.4 and 8.1), so that is
done here.
"""

from __future__ import annotations

from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

MESSAGE_BYTES: Final = 16 * 1024
"""A longer message is answered by a close with 1009."""
INVALID_TEXT: Final = 1007


class Ear:
    """Hears one reader out."""

    __slots__ = ("_is_text", "_parts", "_protocol")

    def __init__(self) -> None:
        self._protocol = ServerProtocol(state=OPEN, max_size=MESSAGE_BYTES)
        self._parts: list[bytes] = []
        self._is_text = False

    def hear(self, data: bytes) -> list[str | None]:
        """The messages that ``data`` completes, in order; None for a binary one."""
        self._protocol.receive_data(data)
        messages: list[str | None] = []
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and not self._take(event, messages):
                break
        return messages

    def reply(self) -> bytes:
        """What the protocol itself has to say to that: a pong, a close."""
        return b"".join(self._protocol.data_to_send())

    @property
    def is_over(self) -> bool:
        """Whether the conversation has ended: nothing may be sent any more, and nothing will be heard."""
        return self._protocol.close_sent is not None or self._protocol.close_expected()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is half said, so that a new ear would hear as well."""
        protocol = self._protocol
        return not protocol.reader.buffer and protocol.current_size is None and not self._parts

    def _take(self, frame: Frame, messages: list[str | None]) -> bool:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return True
        self._parts.append(bytes(frame.data))
        return self._complete(messages) if frame.fin else True

    def _complete(self, messages: list[str | None]) -> bool:
        whole, self._parts = b"".join(self._parts), []
        try:
            messages.append(whole.decode() if self._is_text else None)
        except UnicodeDecodeError:
            self._protocol.fail(INVALID_TEXT, "text must be UTF-8")
            return False
        return True
