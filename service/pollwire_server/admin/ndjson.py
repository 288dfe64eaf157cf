"""Incremental NDJSON line splitter. A line that is too long does not affect the others."""

from __future__ import annotations

from typing import Final, NamedTuple

from pollwire_server.domain.decoding import without_byte_order_mark
from pollwire_server.domain.errors import BodyTooLarge

LINE_BYTES: Final = 16 * 1024
"""The limit of any other vote's body, without the line end."""


class LineTooLong(BodyTooLarge):
    """Error: a line exceeds ``LINE_BYTES``."""

    def __init__(self) -> None:
        super().__init__(LINE_BYTES)
        self.detail = f"A line may have at most {LINE_BYTES} bytes."


class Line(NamedTuple):
    """One line that is not blank. ``text`` is None if the line is too long."""

    number: int
    """Line number from 1. Blank lines count, as in an editor."""
    text: bytes | None


class LineSplitter:
    """Splitter of a byte stream into lines. It buffers an incomplete line, up to ``LINE_BYTES``."""

    __slots__ = ("_is_skipping", "_number", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._number = 0
        self._is_skipping = False  # True in the rest of a line that was reported as too long

    def feed(self, piece: bytes) -> list[Line]:
        """Return the lines that this chunk completes, and a line that it makes too long."""
        *whole, rest = (self._rest + piece).split(b"\n")
        lines = [line for text in whole if (line := self._line(text)) is not None]
        self._rest = b"" if self._is_skipping else rest
        if len(self._rest) > LINE_BYTES:
            lines.append(Line(self._number + 1, None))
            self._rest, self._is_skipping = b"", True
        return lines

    def end(self) -> list[Line]:
        """Return the last line if it has no line end."""
        line = self._line(self._rest)
        self._rest = b""
        return [] if line is None else [line]

    def _line(self, text: bytes) -> Line | None:
        self._number += 1
        text = without_byte_order_mark(text)  # each line is a JSON text; joined files have marks within
        if self._is_skipping:
            self._is_skipping = False
            return None
        if len(text) > LINE_BYTES:
            return Line(self._number, None)
        stripped = text.strip()
        return Line(self._number, stripped) if stripped else None
