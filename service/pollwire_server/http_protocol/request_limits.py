"""HTTP limits for every connection, and error responses for input that is not a valid request.

Headers have a maximum size, bodies a maximum number of parts, and connections a maximum number of pipelined
requests. Each stage of a request has a deadline. These limits protect the other connections: a segment of 250
KB may hold ten thousand parts or requests, and the event loop serves no other connection while the parser
reads it.

Invalid HTTP gets a problem response like every other error. It is sent after the responses to all earlier
requests and is the last one on its connection.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from typing import Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr, is_ssl
from uvicorn.server import ServerState

from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.domain.errors import BadRequest, PollwireError, UriTooLong
from pollwire_server.http_protocol.connection_table import ConnectionTable, NetworkConnections
from pollwire_server.http_protocol.fast_path import ConnectionRegistry
from pollwire_server.http_protocol.over_capacity import OverCapacityProtocol
from pollwire_server.http_protocol.refusal_limiter import (
    NEW_CONNECTION_DELAY_S,
    PIPELINED_BEYOND_LIMIT,
    RefusalLimiter,
)
from pollwire_server.http_protocol.request_head import create_parser
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts
from pollwire_server.problem_details import problem_response

log = logging.getLogger("pollwire.http")

_INVALID_HTTP: Final = "The request is not valid HTTP/1.1."


class LimitedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection with limits and deadlines. The subclass dispatches its requests."""

    timeouts = ConnectionTimeouts()
    connection_table = ConnectionTable()
    refusals = RefusalLimiter(None)
    client_addresses = ClientAddressResolver()
    writer = ResponseWriter()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's own type for the lifespan's state
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser = create_parser(self)
        self.limits = self.timeouts.limits
        self.network_connections: NetworkConnections
        self.deadline = self.loop.time() + self.limits.headers_s
        self.unsent_bytes, self.write_deadline = sys.maxsize, math.inf
        self._in_headers = True
        self._in_body = False
        self._spans_segments = False  # the current message began in an earlier segment
        self._header_bytes = 0
        self._body_parts = 0
        self._unread_bytes = 0  # received since the last part of a body
        self._pending_error: PollwireError | None = None
        self._delayed_until: float | None = None
        """When the next request may be read, after too many refused ones."""
        self._delayed_data = b""

    def connection_made(  # type: ignore[override]  # uvicorn narrows the type in the same way
        self, transport: asyncio.Transport
    ) -> None:
        """Register the connection. The server's own address is read later, because few requests need it."""
        self.client = get_remote_addr(transport)
        self.peer = self.client_addresses.peer(self.client[0] if self.client else None)
        network = self.connection_table.admit(self.peer, cast(ConnectionRegistry, self.connections))
        if network is None:
            transport.set_protocol(OverCapacityProtocol(self.loop, transport, self.timeouts))
            return
        self.network_connections = network
        network.add(self)
        self.transport, self.flow = transport, FlowControl(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self.timeouts.add(self)
        if not self.peer.is_trusted and (debt_s := self.refusals.debt_s(self.peer.client.network)):
            self._delay_reading(min(debt_s, NEW_CONNECTION_DELAY_S))

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the client has disconnected."""
        super().connection_lost(exc)
        self.network_connections.discard(self)
        self.timeouts.discard(self)

    def idle_since(self) -> float | None:
        """Return the time since which the server waits for the client, or None during a response."""
        is_receiving = self._in_body and not self.pipeline
        if self._is_busy() and not is_receiving:
            return None
        limits = self.limits
        stage_s = limits.headers_s if self._in_headers else limits.body_s if self._in_body else limits.idle_s
        return self.deadline - stage_s

    def is_stream(self) -> bool:
        """Return True if a response has started and is not complete."""
        return self._is_busy() and bool(self.cycle.response_started)

    def evict(self) -> None:
        """Close the connection, because another one needs its place. Unsent data is dropped."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def resume_writing(self) -> None:
        """Continue to write. The client has read, however long the buffer is at the next check."""
        self.unsent_bytes = sys.maxsize
        super().resume_writing()

    def _is_busy(self) -> bool:
        """Return True if a request is still without a complete response."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for a new one until the idle deadline."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused and self._delayed_until is None:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._pending_error is not None:
            self._close_with_error(self._pending_error)
        elif not self._in_headers:
            self.deadline = self.loop.time() + self.limits.idle_s

    def count_refusal(self) -> None:
        """Count a refused request, and read the next one later if the network has too many of them."""
        if self.peer.is_trusted or self.transport.is_closing():
            return
        delay_s = self.refusals.count(self.peer.client.network)
        if delay_s > 0:
            self._delay_reading(delay_s)

    def _delay_reading(self, delay_s: float) -> None:
        if self._delayed_until is None:
            self.flow.pause_reading()
            self.loop.call_later(delay_s, self._end_delay)
        self._delayed_until = self.loop.time() + delay_s
        self.deadline += delay_s

    def _hold(self, data: bytes) -> None:
        """Store data that arrives while reading is paused, such as the first data of a connection."""
        self._delayed_data += data
        self.transport.pause_reading()

    def _end_delay(self) -> None:
        if self._delayed_until is None or self.transport.get_protocol() is not self:
            return
        remaining_s = self._delayed_until - self.loop.time()
        if remaining_s > 0:
            self.loop.call_later(remaining_s, self._end_delay)
            return
        self._delayed_until = None
        if self.transport.is_closing():
            return
        if not self._is_busy():
            self.flow.resume_reading()
        data, self._delayed_data = self._delayed_data, b""
        if data:
            self.data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header. Trailers are counted and dropped (RFC 9112, section 7.1.2)."""
        if not self._in_headers:
            self._count_trailer(len(name) + len(value) + 4)
            return
        name, value = name.lower(), value.strip(b" \t")  # the parser keeps trailing tabs (RFC 9112, 5.1)
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _count_trailer(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            raise self._headers_too_long()

    def _count_body_part(self) -> None:
        self._body_parts += 1
        if self._body_parts > self.limits.body_parts:
            raise BadRequest(f"A body may arrive in at most {self.limits.body_parts} parts.")

    def _check_unread_bytes(self) -> None:
        """Limit chunk extensions (RFC 9112, section 7.1.1), which are ignored but would never end."""
        if self._unread_bytes > self.limits.header_bytes:
            self._reject(self._headers_too_long())

    def _check_pipeline(self) -> None:
        """Count a pipelined request, and raise if the pipeline has no space for it."""
        self.count_refusal()
        limit = self.limits.pipelined_requests
        if self._delayed_until is not None:
            limit = min(limit, PIPELINED_BEYOND_LIMIT)
        if len(self.pipeline) >= limit:
            raise BadRequest(f"At most {limit} requests may be pipelined on one connection.")

    def _count_header_bytes(self, received: int) -> None:
        """Limit the headers of an incomplete request.

        Its first segment may hold other data and is not counted.
        """
        self._header_bytes += received
        if self._header_bytes > self.limits.header_bytes:
            self._reject(self._headers_too_long())

    def _check_header_size(self) -> None:
        """Raise if complete headers are too long. Those within one segment of normal size need no check."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes:
            raise self._headers_too_long()

    def _headers_too_long(self) -> PollwireError:
        """Return the error for long headers, or for a long target, which has its own status (RFC 9112, 3)."""
        limit = self.limits.header_bytes
        if len(self.url) > limit // 2:
            return UriTooLong(limit)
        return BadRequest(f"The headers may have at most {limit} bytes.")

    def send_400_response(self, msg: str) -> None:
        """Send uvicorn's own 400 as a problem response."""
        self._reject(BadRequest(msg))

    def _reject_parse_error(self, error: httptools.HttpParserError) -> None:
        """Reject the request on which the parser stopped, by itself or because a callback raised."""
        cause = error.__context__
        if isinstance(cause, PollwireError):
            self._reject(cause)
        elif isinstance(error, httptools.HttpParserCallbackError):
            log.error("Connection closed: a parser callback failed", exc_info=cause)
            self.transport.abort()  # the state of the request is unknown, so no response is safe
        else:
            self._reject(BadRequest(_INVALID_HTTP))

    def _reject(self, error: PollwireError) -> None:
        """Send the error after the responses to all earlier requests, and close."""
        if self._in_body and not self.pipeline:
            self._close_with_error(error)  # the invalid request is the current one
        elif self._is_busy():
            if self._in_body:
                self.pipeline.popleft()  # the invalid request is pipelined and will never be complete
            self._pending_error, self.deadline = error, math.inf
        else:
            self._close_with_error(error)

    def _close_with_error(self, error: PollwireError) -> None:
        if self.transport.is_closing():
            return
        is_response_started = self._in_body and self.cycle.response_started
        if not is_response_started:
            response = problem_response(error, "/")
            self.transport.write(
                self.writer.encode(response, self.server_state.default_headers, keep_alive=False)
            )
        self.transport.close()
        self.deadline = self.loop.time() + self.limits.closing_s
