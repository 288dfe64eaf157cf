"""What an HTTP connection is held to, whatever is asked on it, and what is told to no request.

Headers have a size, bodies a number of parts, connections a number of requests
that wait, and every stage of a request an instant by which it must be over: a
segment of 250 KB may hold ten thousand of either, and while the parser is at
it nobody else is served. What cannot be read as a request is answered as a problem like
everything else: once all that came before it is answered, and as the last
thing on its connection.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr, is_ssl
from uvicorn.server import ServerState

from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.domain.errors import BadRequest
from pollwire_server.http_protocol.over_capacity import OverCapacityProtocol
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts
from pollwire_server.problem_details import problem_response

_NO_HTTP: Final = "The request is not readable as HTTP/1.1."


class _RequestRejected(Exception):
    """Stops the parser from within one of its callbacks; says why."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection, from its client's coming to its leaving; its subclass knows what is asked."""

    deadlines = ConnectionTimeouts()
    clients = ClientAddressResolver()
    writer = ResponseWriter()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's own type: whatever the lifespan left there
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = self.deadlines.limits
        self.deadline = self.loop.time() + self.limits.headers_s
        self._in_headers = True
        self._in_body = False
        self._began_before = False  # the message, in a segment before the one being read
        self._header_bytes = 0
        self._parts = 0
        self._unread_bytes = 0  # received since the last part of a body
        self._refusal: str | None = None

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        """A client has come. What uvicorn does here, but for the server's own address, which few ask for."""
        if len(self.connections) >= self.limits.connections:
            transport.set_protocol(OverCapacityProtocol(self.loop, transport, self.deadlines))
            return
        self.connections.add(self)
        self.transport, self.flow = transport, FlowControl(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self.peer = self.clients.peer(self.client[0] if self.client else None)
        self.deadlines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left."""
        super().connection_lost(exc)
        self.deadlines.discard(self)

    def _is_busy(self) -> bool:
        """Whether the newest request is not answered yet, or any before it."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """A response is out: the next of the pipeline begins, or the connection idles until its deadline."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._refusal is not None:
            self._close_with_error(self._refusal)
        elif not self._in_headers:
            self.deadline = self.loop.time() + self.limits.idle_s

    def on_header(self, name: bytes, value: bytes) -> None:
        """What uvicorn does here; behind a body it is counted and left out (RFC 9112, section 7.1.2)."""
        if not self._in_headers:
            self._bound_headers_behind(len(name) + len(value) + 4)
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _bound_headers_behind(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            raise _RequestRejected(self._too_long())

    def _bound_parts(self) -> None:
        """Counts what a body comes in."""
        self._parts += 1
        if self._parts > self.limits.parts:
            raise _RequestRejected(f"A body may come in at most {self.limits.parts} parts.")

    def _bound_unread(self) -> None:
        """A chunk's extensions (RFC 9112, section 7.1.1) mean nothing here, and may not go on for ever."""
        if self._unread_bytes > self.limits.header_bytes:
            self._refuse(self._too_long())

    def _bound_waiting(self) -> None:
        """Called for a request that would wait behind others."""
        if len(self.pipeline) >= self.limits.waiting:
            raise _RequestRejected(f"At most {self.limits.waiting} requests may wait on one connection.")

    def _bound_headers(self, received: int) -> None:
        """Counts the headers of a message that is not complete; its first segment may hold much else."""
        self._header_bytes += received
        if self._header_bytes > self.limits.header_bytes:
            self._refuse(self._too_long())

    def _check_size(self) -> None:
        """Judges complete headers by what they are; those within one moderate segment need no look."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes:
            raise _RequestRejected(self._too_long())

    def _too_long(self) -> str:
        return f"The headers may have at most {self.limits.header_bytes} bytes."

    def send_400_response(self, msg: str) -> None:
        """What uvicorn itself finds unreadable is told like everything else."""
        self._refuse(msg)

    def _refuse_unread(self, error: httptools.HttpParserError) -> None:
        """The parser stopped, by itself or from within one of its callbacks."""
        why = error.__context__
        self._refuse(str(why) if isinstance(why, _RequestRejected) else _NO_HTTP)

    def _refuse(self, detail: str) -> None:
        """Answers what is no request, once all that came before it is answered, and closes."""
        if self._in_body and not self.pipeline:
            self._close_with_error(detail)  # the request that breaks off is the one under way
        elif self._is_busy():
            if self._in_body:
                self.pipeline.popleft()  # it waits behind others, and will never be whole
            self._refusal, self.deadline = detail, math.inf
        else:
            self._close_with_error(detail)

    def _close_with_error(self, detail: str) -> None:
        if self.transport.is_closing():
            return
        is_half_answered = self._in_body and self.cycle.response_started
        if not is_half_answered:
            answer, dated = problem_response(BadRequest(detail), "/"), self.server_state.default_headers
            self.transport.write(self.writer.encode(answer, dated, keep_alive=False))
        self.transport.close()
        self.deadline = self.loop.time() + self.limits.closing_s
