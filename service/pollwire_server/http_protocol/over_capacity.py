"""Protocol for connections beyond the limits: answer 503 at the first byte, and close.

A process without free files can accept no client, reach no store and read no page. So some files are reserved
(``connection_table``). If no connection can be closed for a new one, it gets 503 before its request is
parsed. That is the cheapest possible rejection. Only some connections may wait for their first byte. Further
ones are aborted, because they would use up the reserved files.
"""

from __future__ import annotations

import asyncio
import math
import sys
from typing import Final

from pollwire_server.domain.errors import Overloaded
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts
from pollwire_server.problem_details import problem_response

RETRY_AFTER_S: Final = 3
MAX_WAITING: Final = 64
"""Connections that wait for their first byte: a quarter of the reserved files."""


class OverCapacityProtocol(asyncio.Protocol):
    """A connection beyond the limit. Answers 503 to any request."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, timeouts: ConnectionTimeouts
    ) -> None:
        self.loop = loop
        self.transport = transport
        self.unsent_bytes, self.write_deadline = sys.maxsize, math.inf
        self.deadline = loop.time() + timeouts.limits.closing_s
        self._timeouts = timeouts
        timeouts.add(self)
        timeouts.over_capacity += 1
        if timeouts.over_capacity > MAX_WAITING:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer 503 without reading the request, and close."""
        if not self.transport.is_closing():
            response = problem_response(Overloaded(RETRY_AFTER_S), "/")
            self.transport.write(ResponseWriter().encode(response, [], keep_alive=False))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop checking the deadline."""
        self._timeouts.discard(self)
        self._timeouts.over_capacity -= 1
