"""Protocol for connections beyond the limit of the process: answer 503 at the first byte, and close.

Every connection is an open file. A process without free files can accept no client, reach no store and read
no page. So some files are reserved. Once the others are in use, new connections get 503 before their request
is parsed, which is the cheapest possible rejection.
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

RESERVED_FILES: Final = 256
"""Files reserved for the store, the pages, the log and other uses."""
RETRY_AFTER_S: Final = 3


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

    def data_received(self, data: bytes) -> None:
        """Answer 503 without reading the request, and close."""
        if not self.transport.is_closing():
            response = problem_response(Overloaded(RETRY_AFTER_S), "/")
            self.transport.write(ResponseWriter().encode(response, [], keep_alive=False))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop checking the deadline."""
        self._timeouts.discard(self)
