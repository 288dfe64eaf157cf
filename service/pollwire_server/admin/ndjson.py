"""Lines out of a body that comes in pieces: in order, each bounded, a bad one not at the cost of the rest."""

from __future__ import annotations

from typing import Final, NamedTuple

from pollwire_server.domain.errors import BodyTooLarge

LINE_BYTES: Final = 16 * 1024
"""As much as the body of any other vote; without the line's end."""


class LineTooLong(BodyTooLarge):
    """A line is longer than lines may be."""

    def __init__(self) -> None:
        super().__init__(LINE_BYTES)
        self.detail = f"A line may have at most {LINE_BYTES} bytes."


class Line(NamedTuple):
    """One line that is not blank; ``text`` is None where it is too long to be kept."""

    number: int
    """From 1, blank lines counted, as in an editor."""
    text: bytes | None


class LineSplitter:
    """Holds what has come of a line that is not whole yet: at most ``LINE_BYTES``."""

    __slots__ = ("_is_skipping", "_number", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._number = 0
        self._is_skipping = False  # what is left of a line that was too long, and told so

    def feed(self, piece: bytes) -> list[Line]:
        """The lines that the piece completes, and one that it makes too long."""
        *whole, rest = (self._rest + piece).split(b"\n")
        lines = [line for text in whole if (line := self._line(text)) is not None]
        self._rest = b"" if self._is_skipping else rest
        if len(self._rest) > LINE_BYTES:
            lines.append(Line(self._number + 1, None))
            self._rest, self._is_skipping = b"", True
        return lines

    def end(self) -> list[Line]:
        """The last line, where no line's end came after it."""
        line = self._line(self._rest)
        self._rest = b""
        return [] if line is None else [line]

    def _line(self, text: bytes) -> Line | None:
        self._number += 1
        if self._is_skipping:
            self._is_skipping = False
            return None
        if len(text) > LINE_BYTES:
            return Line(self._number, None)
        stripped = text.strip()
        return Line(self._number, stripped) if stripped else None
