"""Limits of an HTTP connection, and one timer that closes connections past their deadline.

uvicorn has no timeout for an idle socket, slow headers or an incomplete body. Here each connection carries
the time by which its client must make progress. One timer per event loop checks all connections and closes
those that are late. Ten thousand half-open connections therefore cost one check a second, not a timer each.

A response that the client does not read stays in the write buffer. The same timer compares the size of each
buffer with its size at the last check. A buffer that was not read at all for ``write_s`` ends the connection,
whatever the server is doing for it.
"""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple, Protocol


class HttpLimits(NamedTuple):
    """Limits of HTTP connections. Timeouts are in seconds and accurate to ``sweep_s``."""

    headers_s: float = 10.0
    """From the connection, or the first byte of a request, to the end of its headers."""
    body_s: float = 30.0
    """From the end of the headers to the end of the body. In a streaming upload, between two parts."""
    idle_s: float = 75.0
    """From a response to the first byte of the next request."""
    write_s: float = 15.0
    """While a response waits for the client: from one byte taken by the network to the next."""
    closing_s: float = 10.0
    """From the start of closing until the client has read what it was sent."""
    header_bytes: int = 64 * 1024
    """Size of the request line and the headers together. The trailers of a chunked body have the same
    limit."""
    pipelined_requests: int = 100
    """Requests that wait behind the current one, and fast-path requests handled in one segment."""
    body_parts: int = 20_000
    """Parts in which a body may arrive, each a parser callback. Streaming uploads are exempt."""
    connections: int = 1_000_000
    """Open connections. Further ones replace others or are rejected (see ``connection_table``)."""
    sweep_s: float = 1.0
    """Interval between two checks of all connections."""


class TimedConnection(Protocol):
    """A connection with a deadline. An infinite deadline means that the server must act next."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    deadline: float
    unsent_bytes: int
    """Size of the write buffer at the last check. The connection sets it to a high value when it drains."""
    write_deadline: float
    """Time until which the network must take a byte of the write buffer."""


class ConnectionTimeouts:
    """Closes HTTP connections that exceed their deadline. One instance per event loop."""

    def __init__(self, limits: HttpLimits = HttpLimits()) -> None:  # noqa: B008  # immutable
        self.limits = limits
        self.over_capacity = 0
        """Connections beyond the limits that wait to be rejected."""
        self._connections: set[TimedConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: TimedConnection) -> None:
        """Start to check the connection's deadline."""
        self._connections.add(connection)
        if self._timer is None:
            self._schedule_sweep(connection.loop)

    def discard(self, connection: TimedConnection) -> None:
        """Stop checking a connection that has ended or switched protocols."""
        self._connections.discard(connection)

    def _schedule_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.limits.sweep_s, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._connections):
            unsent_bytes = connection.transport.get_write_buffer_size()
            if not unsent_bytes or unsent_bytes < connection.unsent_bytes:
                connection.write_deadline = now + self.limits.write_s
            connection.unsent_bytes = unsent_bytes
            if min(connection.deadline, connection.write_deadline) < now:
                connection.transport.abort()
            elif connection.deadline == math.inf and connection.transport.is_closing():
                # A closing transport waits without limit until its buffer has been read.
                connection.deadline = now + self.limits.closing_s
        self._timer = None
        if self._connections:
            self._schedule_sweep(loop)
