"""Sender task of a stream on the ASGI path, and the buffer between the hub and this task.

The hub puts frames into the buffer (``LatestFrameBuffer``), which follows the delivery policy.
``FrameSender`` is the only task that writes results to the stream. It sends pending frames, a heartbeat
after silence, and the close message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Protocol

from pollwire_server.domain.errors import PollwireError
from pollwire_server.live.delivery_policy import (
    ACCESS_REVOKED,
    POLL_DELETED,
    RESTARTING,
    TOO_SLOW,
    CloseReason,
    DeliveryPolicy,
)
from pollwire_server.live.result_frames import ResultFrame
from pollwire_server.live.timeouts import StreamTimeouts

log = logging.getLogger("pollwire.live")


class StreamTransport(Protocol):
    """Output side of a stream. Each call returns once the transport has accepted the message."""

    async def frame(self, frame: ResultFrame) -> None:
        """Send results."""

    async def poll_deleted(self, poll_id: str) -> bool:
        """Send that a poll was deleted. Return True if the stream ends with it (close code 4404)."""

    async def heartbeat(self) -> None:
        """Send a heartbeat."""

    async def reconnect(self, after_ms: int) -> None:
        """Send that the stream ends on purpose, and after how long to reconnect."""

    async def problem(self, error: PollwireError, poll_id: str | None = None) -> None:
        """Send a problem."""

    async def close(self, code: int, reason: str) -> None:
        """Close the stream."""


class LatestFrameBuffer(DeliveryPolicy):
    """Subscriber that stores at most one frame for each poll and wakes the sender."""

    __slots__ = ("_access_error", "_has_left", "_reconnect_after_ms", "_wake")

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop().time())
        self._reconnect_after_ms: int | None = None
        self._has_left = False
        self._access_error: PollwireError | None = None
        self._wake = asyncio.Event()

    def send_latest(self, poll_id: str, frame: ResultFrame) -> None:
        """Store the newest frame of a poll, replacing an unsent one."""
        self.put_frame(poll_id, frame)
        self._wake.set()

    def poll_deleted(self, poll_id: str) -> None:
        """Store that a poll was deleted, replacing an unsent frame."""
        self.put_deletion(poll_id)
        self._wake.set()

    def ask_to_reconnect(self, after_ms: int) -> None:
        """Store that the stream ends after all pending frames, because the service stops."""
        self._reconnect_after_ms = after_ms
        self._wake.set()

    def end_access(self, error: PollwireError) -> None:
        """Store that the stream ends with this error. Unsent frames are dropped."""
        self.discard_all()
        self._access_error = error
        self._wake.set()

    def close(self) -> None:
        """Mark the client as disconnected, so that the sender ends."""
        self._has_left = True
        self._wake.set()

    @property
    def has_left(self) -> bool:
        """Return True if the client has disconnected."""
        return self._has_left

    @property
    def access_error(self) -> PollwireError | None:
        """Return the error with which the stream ends, or None."""
        return self._access_error

    @property
    def reconnect_after_ms(self) -> int | None:
        """Return when the client should reconnect. None unless the service stops."""
        return self._reconnect_after_ms

    async def wait(self, until: float) -> bool:
        """Wait until there is something to do. Return False if the loop's clock reaches ``until`` first."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return False
        self._wake.clear()
        return True


class _SlowReader(Exception):
    """Raised when a client does not read for longer than the send timeout."""


class FrameSender:
    """Sends buffered frames and heartbeats to one client."""

    def __init__(
        self, buffer: LatestFrameBuffer, transport: StreamTransport, timeouts: StreamTimeouts
    ) -> None:
        self._buffer = buffer
        self._transport = transport
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Send until the client leaves or is too slow, its only poll is deleted, or the service stops."""
        buffer = self._buffer
        try:
            while not buffer.has_left:
                if not await buffer.wait(buffer.deadline(self._timeouts).at):
                    await self._send(self._transport.heartbeat())
                elif await self._send_pending():
                    return
        except _SlowReader:
            log.debug("Slow client disconnected: it read nothing for %g s", self._timeouts.send_timeout_s)
            await self._close(TOO_SLOW)

    async def _send_pending(self) -> bool:
        """Send everything that is pending. Return True if the stream was closed."""
        buffer = self._buffer
        while not buffer.has_left and (pending := buffer.next_pending()) is not None:
            if buffer.access_error is not None:
                break
            poll_id, frame = pending
            if frame is not None:
                await self._send(self._transport.frame(frame))
            elif await self._send(self._transport.poll_deleted(poll_id)):
                await self._close(POLL_DELETED)
                return True
        if buffer.access_error is not None:
            await self._send(self._transport.problem(buffer.access_error))
            await self._close(ACCESS_REVOKED)
            return True
        if buffer.reconnect_after_ms is not None:
            await self._send(self._transport.reconnect(buffer.reconnect_after_ms))
            await self._close(RESTARTING)
            return True
        return False

    async def _send(self, message: Coroutine[None, None, bool | None]) -> bool:
        buffer = self._buffer
        buffer.blocked_since = self._loop.time()
        try:
            async with asyncio.timeout_at(buffer.deadline(self._timeouts).at):
                result = bool(await message)
        except TimeoutError:
            raise _SlowReader from None
        buffer.blocked_since = None
        buffer.last_sent_at = self._loop.time()
        return result

    async def _close(self, close: CloseReason) -> None:
        """Send the close message if the client reads it in time. The transport is closed in any case."""
        self._buffer.begin_close(self._loop.time(), self._timeouts)
        try:
            async with asyncio.timeout_at(self._buffer.deadline(self._timeouts).at):
                await self._transport.close(close.code, close.reason)
        except TimeoutError:
            return
