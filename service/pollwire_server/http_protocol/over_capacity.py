"""A connection beyond what the process may hold: told so at its first byte, and closed.

Every connection is an open file, and a process that has none left can accept nobody, reach no store and
read no page. So some are kept back, and who comes when the others are taken is answered 503 before anything
is read or judged: the cheapest refusal there is.
"""

from __future__ import annotations

import asyncio
from typing import Final

from pollwire_server.domain.errors import Overloaded
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts
from pollwire_server.problem_details import problem_response

RESERVED_FILES: Final = 256
"""Files for the store, the pages, the log and what else is opened."""
RETRY_AFTER_S: Final = 3


class OverCapacityProtocol(asyncio.Protocol):
    """One connection too many."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, among: ConnectionTimeouts
    ) -> None:
        self.loop = loop
        self.transport = transport
        self.deadline = loop.time() + among.limits.closing_s
        self._among = among
        among.add(self)

    def data_received(self, data: bytes) -> None:
        """Whatever it asks for, the answer is the same."""
        if not self.transport.is_closing():
            answer = problem_response(Overloaded(RETRY_AFTER_S), "/")
            self.transport.write(ResponseWriter().encode(answer, [], keep_alive=False))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._among.discard(self)
