"""One reader's stream as the ordinary routes serve it: a mailbox with one slot a poll, and its pump.

The hub drops frames into the mailbox; a newer one takes the place of one that
was not sent yet, so a slow reader gets the newest only and the memory it
costs does not grow. The pump is the stream's one writer: it sends what lies
there, a heartbeat after silence, and the last words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final, NamedTuple, Protocol

from pollwire_server.live.result_frames import ResultFrame

log = logging.getLogger("pollwire.live")

HEARTBEAT_S: Final = 25.0
"""Silence after which a reader is told that the stream lives; common proxies cut at 30 or 60 s."""
SLOW_READER_S: Final = 15.0
"""How long one message may wait to be taken. Newer totals only replace each other meanwhile, so waiting is
cheap; a reader who takes nothing for so long is better off with a new stream."""
CLOSE_TIMEOUT_S: Final = 5.0
"""How long the end of a stream may take to be sent to a reader who takes nothing."""

CHECK_S: Final = 5.0
"""Between two looks at one of the lane's sockets; what is timed there is kept to within this."""
PING_S: Final = 20.0
"""Silence of a reader after which it is pinged; silent for as long again, it is gone."""

CLOSE_GONE: Final = 4404
CLOSE_TOO_SLOW: Final = 4408
CLOSE_RESTART: Final = 1012
"""RFC 6455 registry: the service restarts; come back."""


class StreamTimeouts(NamedTuple):
    """The deadlines of a stream, in seconds."""

    heartbeat_s: float = HEARTBEAT_S
    slow_s: float = SLOW_READER_S
    last_words_s: float = CLOSE_TIMEOUT_S
    ping_s: float = PING_S
    check_s: float = CHECK_S


class StreamTransport(Protocol):
    """How messages leave: each call returns once the transport has taken the message."""

    async def frame(self, frame: ResultFrame) -> None:
        """Sends results."""

    async def poll_deleted(self, poll_id: str) -> bool:
        """Says that a poll does not exist any more; whether the stream ends with it (4404)."""

    async def heartbeat(self) -> None:
        """Shows that the stream lives."""

    async def reconnect(self, after_ms: int) -> None:
        """Says that the stream ends on purpose, and when to come back."""

    async def close(self, code: int, reason: str) -> None:
        """Ends the stream."""


class LatestFrameBuffer:
    """What waits to be sent to one reader: at most one frame a poll."""

    __slots__ = ("_frames", "_gone", "_left", "_retire_after_ms", "_wake")

    def __init__(self) -> None:
        self._frames: dict[str, ResultFrame] = {}
        self._gone: dict[str, None] = {}  # in order, each once
        self._retire_after_ms: int | None = None
        self._left = False
        self._wake = asyncio.Event()

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """The newest frame of a poll."""
        self._gone.pop(poll_id, None)  # it came back
        self._frames[poll_id] = frame
        self._wake.set()

    def poll_deleted(self, poll_id: str) -> None:
        """A poll does not exist any more."""
        self._frames.pop(poll_id, None)
        self._gone[poll_id] = None
        self._wake.set()

    def ask_to_reconnect(self, after_ms: int) -> None:
        """The service stops."""
        self._retire_after_ms = after_ms
        self._wake.set()

    def leave(self) -> None:
        """The reader has left; there is nobody to send to."""
        self._left = True
        self._wake.set()

    def discard(self, poll_id: str) -> None:
        """The reader wants to hear of the poll no more."""
        self._frames.pop(poll_id, None)
        self._gone.pop(poll_id, None)

    @property
    def has_left(self) -> bool:
        """Whether the reader is gone."""
        return self._left

    @property
    def retire_after_ms(self) -> int | None:
        """When the reader is to come back, once the service stops."""
        return self._retire_after_ms

    def next_frame(self) -> ResultFrame | None:
        """The frame that waited longest, taken out."""
        for poll_id in self._frames:
            return self._frames.pop(poll_id)
        return None

    def next_gone(self) -> str | None:
        """A poll that is gone, taken out."""
        for poll_id in self._gone:
            del self._gone[poll_id]
            return poll_id
        return None

    async def wait(self, within_s: float) -> bool:
        """Waits until something lies here; whether it does before the time is up."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(within_s):
                    await self._wake.wait()
            except TimeoutError:
                return False
        self._wake.clear()
        return True


class _SlowReader(Exception):
    """The reader took nothing for too long."""


class FrameSender:
    """The one writer of a stream."""

    def __init__(self, mailbox: LatestFrameBuffer, wire: StreamTransport, pace: StreamTimeouts) -> None:
        self._mailbox = mailbox
        self._wire = wire
        self._pace = pace

    async def run(self) -> None:
        """Sends until the reader leaves, the poll is gone, the service stops, or the reader is too slow."""
        try:
            while not self._mailbox.has_left:
                if not await self._mailbox.wait(self._pace.heartbeat_s):
                    await self._send(self._wire.heartbeat())
                elif await self._empty():
                    return
        except _SlowReader:
            log.debug("A reader took nothing for %g s; the stream is closed.", self._pace.slow_s)
            await self._end(CLOSE_TOO_SLOW, "the reader is too slow")

    async def _empty(self) -> bool:
        """Sends all that lies in the mailbox; whether the stream has ended with it."""
        mailbox = self._mailbox
        while not mailbox.has_left and (frame := mailbox.next_frame()) is not None:
            await self._send(self._wire.frame(frame))
        while (poll_id := mailbox.next_gone()) is not None:
            if await self._send(self._wire.poll_deleted(poll_id)):
                await self._end(CLOSE_GONE, "there is no such poll")
                return True
        if mailbox.retire_after_ms is not None:
            await self._send(self._wire.reconnect(mailbox.retire_after_ms))
            await self._end(CLOSE_RESTART, "the service restarts")
            return True
        return False

    async def _send(self, sending: Coroutine[None, None, bool | None]) -> bool:
        try:
            async with asyncio.timeout(self._pace.slow_s):
                return bool(await sending)
        except TimeoutError:
            raise _SlowReader from None

    async def _end(self, code: int, reason: str) -> None:
        """The last words, if the reader takes them in time; the transport is closed in any case."""
        try:
            async with asyncio.timeout(self._pace.last_words_s):
                await self._wire.close(code, reason)
        except TimeoutError:
            return
