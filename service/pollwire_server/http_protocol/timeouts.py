"""What a client may keep an HTTP connection waiting for, and who closes it when it is kept waiting longer.

Nothing in uvicorn times a silent socket, slow headers or a body that never
ends. Here a connection carries the instant by which it must have moved on,
and one timer for all of them closes those that have not: ten thousand
half-open connections cost one look a second, and no timer each.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import Final, NamedTuple, Protocol


class HttpLimits(NamedTuple):
    """Seconds, kept to within a sweep; and bytes."""

    headers_s: float = 10.0
    """From the connection, or a request's first byte, to the end of its headers."""
    body_s: float = 30.0
    """From the end of the headers to the end of the body; of an endless one, between two parts of it."""
    idle_s: float = 75.0
    """From an answer to the next request's first byte."""
    closing_s: float = 10.0
    """From our closing to the client's having read what it was sent."""
    header_bytes: int = 64 * 1024
    """Request line and headers together; of a chunked body, what stands behind it."""
    waiting: int = 100
    """Requests of one connection: behind the one being answered, and taken by lanes in one go."""
    parts: int = 20_000
    """In which a body comes, unless it is an endless one; each is a call from the parser."""
    connections: int = 1_000_000
    """Open at one time; one more is turned away (``surplus``)."""
    sweep_s: float = 1.0
    """Between two looks at all connections."""


_ENDLESS: Final = re.compile(rb"/v1/admin/polls/[^/?]+/votes(\?|\Z)")


def is_streaming_upload(method: bytes, url: bytes) -> bool:
    """Whether the body of such a request is a stream of any length, read line by line: votes of back ends."""
    return method == b"POST" and _ENDLESS.match(url) is not None


class TimedConnection(Protocol):
    """What is watched; a ``deadline`` of infinity means that the next move is ours."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    deadline: float


class ConnectionTimeouts:
    """Closes the HTTP connections that let their deadline pass. For one event loop."""

    def __init__(self, limits: HttpLimits = HttpLimits()) -> None:  # noqa: B008  # immutable
        self.limits = limits
        self._connections: set[TimedConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: TimedConnection) -> None:
        """The connection is watched from now on."""
        self._connections.add(connection)
        if self._timer is None:
            self._book(connection.loop)

    def discard(self, connection: TimedConnection) -> None:
        """The connection has ended, or speaks another protocol now."""
        self._connections.discard(connection)

    def _book(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.limits.sweep_s, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._connections):
            if connection.deadline < now:
                connection.transport.abort()
            elif connection.deadline == math.inf and connection.transport.is_closing():
                # A transport that closes waits for its buffer to be read, and would wait for ever.
                connection.deadline = now + self.limits.closing_s
        self._timer = None
        if self._connections:
            self._book(loop)
