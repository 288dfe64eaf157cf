"""Fake transport that records written bytes. The test controls when its buffer is full."""

from __future__ import annotations

import asyncio


class Pipe(asyncio.Transport):
    """Transport that accepts bytes until it is ``full``. Later bytes wait until ``drain``."""

    def __init__(self, *, full: bool = False) -> None:
        super().__init__()
        self.written = b""
        self.waiting = b""
        self.full = full
        self.paused = False
        self.closing = False
        self.aborted = False
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.full:
            self.written += data
            return
        was_empty, self.waiting = not self.waiting, self.waiting + bytes(data)
        if was_empty and self.protocol is not None:
            self.protocol.pause_writing()

    def drain(self, *, full: bool = False) -> None:
        """Accept all waiting bytes, as if the client had read them. ``full``: accept no more."""
        self.written, self.waiting, self.full = self.written + self.waiting, b"", False
        self.full = full
        assert self.protocol is not None
        self.protocol.resume_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def pop_written(self) -> bytes:
        """Return the bytes written since the last call."""
        taken, self.written = self.written, b""
        return taken
