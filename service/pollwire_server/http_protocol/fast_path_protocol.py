"""One HTTP connection that sends each request down the fast path or the ASGI path.

The parser calls this class at every stage of a request. When the headers are complete, ``_match_fast_path``
asks the routers for a handler. If one matches and the request is eligible, the connection collects the body
and calls the handler. Otherwise ``_forward_to_asgi`` does what uvicorn does from the first byte of a request
on. Most requests never get there, so they never pay for a scope, an event or a task.

uvicorn looks at the cycle of the newest request to decide what to do next. While a fast-path handler runs, a
``FastPathCycle`` takes that place. It has the attributes that uvicorn reads and nothing else. One object per
connection is enough, because the fast path handles one request at a time.

Disconnects. A write that finds the client gone makes the event loop close the transport at once. The protocol
learns of it only in the next iteration of the loop. A response written in between, for example to a pipelined
request, would raise on the closed transport and would be logged as a server error. So
``_ignore_after_disconnect`` checks the transport before each ASGI message, and ``_respond`` before each
response.

Upgrades. A WebSocket handshake is offered to the ``WebSocketAcceptor`` first and goes to uvicorn's WebSocket
protocol otherwise. A server may ignore any other upgrade (RFC 9110, section 7.8), but the parser then skips
the body. The request is therefore parsed again by a new parser, without the headers that ask for the upgrade.

uvicorn's class has no public interface for subclasses. ``UvicornHttpProtocol`` and ``UvicornRequestCycle``
list all attributes on which this package relies. A unit test compares them with the installed version.

The costs: a subclass that depends on uvicorn's internals, a pinned minor version, and a corpus test that
compares both paths. The alternative is a server of our own, which would have to get all of HTTP right.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr
from uvicorn.server import ServerState

from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.auth.cors import CorsPolicy
from pollwire_server.auth.credentials import decode_header
from pollwire_server.domain.errors import BadRequest
from pollwire_server.http_protocol.connection_table import ConnectionTable
from pollwire_server.http_protocol.fast_path import (
    ConnectionRegistry,
    FastPathRequest,
    FastPathRouter,
    Handler,
    Headers,
    RequestHead,
    WebSocketAcceptor,
)
from pollwire_server.http_protocol.head_cache import RequestHeadCache
from pollwire_server.http_protocol.refusal_limiter import COUNTED_STATUSES, RefusalLimiter
from pollwire_server.http_protocol.request_head import create_parser, validate_head
from pollwire_server.http_protocol.request_limits import LimitedHttpProtocol
from pollwire_server.http_protocol.response_writer import ResponseWriter
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts
from pollwire_server.http_protocol.websocket_protocol import GuardedWebSocketProtocol
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error

FAST_PATH_PREFIX: Final = b"/v1/"
MAX_FAST_PATH_BODY_BYTES: Final = 16 * 1024
"""Longer bodies take the ASGI path, which rejects them with a reason."""
_UPGRADE_HEADERS: Final = (b"connection", b"upgrade", b"http2-settings")
"""Headers that have no meaning once an upgrade is ignored."""
_NO_HEAD: Final = RequestHead(b"", b"", {})


# Attributes of uvicorn that this package uses ---------------------------------------------------------


class UvicornRequestCycle(Protocol):
    """The attributes of uvicorn's ``RequestResponseCycle`` that it and this package read or set."""

    disconnected: bool
    keep_alive: bool
    message_event: Any
    response_complete: bool
    response_started: bool


class UvicornAsgiCycle(Protocol):
    """The attributes of uvicorn's cycle that are set for a response to HTTP/1.0."""

    chunked_encoding: bool | None
    expected_content_length: int


class UvicornHttpProtocol(Protocol):
    """The attributes of uvicorn's ``HttpToolsProtocol`` on which this package relies."""

    client: tuple[str, int] | None
    connections: set[Any]
    cycle: RequestResponseCycle
    expect_100_continue: bool
    flow: FlowControl
    headers: list[tuple[bytes, bytes]]
    loop: asyncio.AbstractEventLoop
    parser: httptools.HttpRequestParser
    pipeline: deque[tuple[RequestResponseCycle, ASGI3Application]]
    scheme: Any
    server: tuple[str, int | None] | None
    server_state: ServerState
    transport: asyncio.Transport
    url: bytes

    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def handle_websocket_upgrade(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_message_begin(self) -> None: ...
    def on_message_complete(self) -> None: ...
    def on_response_complete(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def resume_writing(self) -> None: ...
    def send_400_response(self, msg: str) -> None: ...
    def shutdown(self) -> None: ...
    def _should_upgrade(self) -> bool: ...
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None: ...


# The fast path's replacement of uvicorn's cycle --------------------------------------------------------


class _NullEvent:
    """Replacement of the cycle's event, for which only an ASGI task would wait."""

    __slots__ = ()

    def set(self) -> None: ...


class FastPathCycle:
    """The state of the current fast-path request, with the attributes that uvicorn reads.

    One per connection.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = _NullEvent()
    response_started = False

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True


# The connection ------------------------------------------------------------------------------------------


def _is_never_streaming(method: bytes, url: bytes) -> bool:
    return False


class FastPathProtocol(LimitedHttpProtocol):
    """One HTTP connection. ``make_protocol_class`` creates a subclass with routers and timeouts."""

    routers: Sequence[FastPathRouter] = ()
    websocket_acceptor: WebSocketAcceptor | None = None
    head_cache = RequestHeadCache()
    is_streaming_upload: Callable[[bytes, bytes], bool] = staticmethod(_is_never_streaming)
    closes_after_response = False
    """True while the process drains: every connection closes with its first response."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's own type for the lifespan's state
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._handler: Handler | None = None
        self._router: FastPathRouter | None = None
        self._head = _NO_HEAD
        self._body: bytes = b""
        self._fast_path_cycle = FastPathCycle()
        self._fast_path_cycle.keep_alive = not self.closes_after_response
        self._fast_path_count = 0  # fast-path requests in the current segment
        self._segment_bytes = 0
        self._is_idle = True  # between two requests, or before the first
        self._is_streaming = False  # the body is a streaming upload; set on the ASGI path only
        self._is_upgrade_ignored = False

    def close_after_response(self) -> None:
        """Close with the next response, which announces it. Closing at once might cut off a request."""
        self._fast_path_cycle.keep_alive = False
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser. Send a problem response if the data is not valid HTTP."""
        if self._pending_error is not None:
            return  # data behind an invalid request has no meaning
        if self._delayed_until is not None:
            self._hold(data)
            return
        was_idle = self._is_idle
        if was_idle and self._serve_from_head_cache(data):
            return
        self._spans_segments = True
        self._segment_bytes, self._fast_path_count = len(data), 0
        self._unread_bytes += len(data)
        parser = self.parser
        try:
            is_switched = self._parse(data)
        except httptools.HttpParserError as error:
            self._reject_parse_error(error)
            return
        if is_switched or self._pending_error is not None:
            return
        if self._in_headers and self._spans_segments:
            self._count_header_bytes(len(data))
        elif self._in_body:
            self._check_unread_bytes()
        is_single_parser = self.parser is parser  # False if a request to upgrade was parsed again
        if was_idle and self._is_idle and is_single_parser and self._router and self._handler:
            self.head_cache.store(data, self._head, self._router, self._handler)

    def _parse(self, data: bytes) -> bool:
        """Feed the parser. Return True if the connection has switched protocols or was rejected.

        The parser stops behind each request to upgrade. A loop handles any number of them in one segment.
        """
        unread: memoryview = memoryview(data)
        while True:
            try:
                self.parser.feed_data(unread)
                return False
            except httptools.HttpParserUpgrade as upgrade:
                unread = unread[upgrade.args[0] :]
            if not self._is_upgrade_ignored:
                self._upgrade(bytes(unread))
                return True
            head = head_without_upgrade(self.parser, self.url, self.headers)
            if head is None:
                self._reject(BadRequest("The CONNECT method is not supported."))
                return True
            self.parser = create_parser(self)
            self.parser.feed_data(head)

    # Parser callbacks, in the order of a request -----------------------------------------------------

    def on_message_begin(self) -> None:
        """Reset the state of the request.

        uvicorn creates a scope here, which fast-path requests do not need.
        """
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._handler = None
        self._router = None
        self._is_idle = False
        self._spans_segments = False
        if not self._in_headers:
            self._in_headers, self._header_bytes = True, 0
            self.deadline = self.loop.time() + self.limits.headers_s

    def on_headers_complete(self) -> None:
        """Choose between fast path and ASGI path."""
        self._in_headers = False
        if self._spans_segments or self._segment_bytes > self.limits.header_bytes:
            self._check_header_size()
        parser, version = self.parser, self.parser.get_http_version()
        self.url = validate_head(parser.get_method(), self.url, version, self.headers)
        if version == "1.0":
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        if parser.should_upgrade():
            self._is_upgrade_ignored = version == "1.0" or not self._should_upgrade()  # RFC 9110, 7.8
            if not self._is_upgrade_ignored:
                self._expect_body()
            return  # the parser stops behind the request, and _parse continues
        self._is_upgrade_ignored = False
        handler = self._match_fast_path()
        if handler is None:
            self._is_streaming = self.is_streaming_upload(self.parser.get_method(), self.url)
            self._forward_to_asgi()
        else:
            self._fast_path_count += 1
            self._handler = handler
            self._body = b""
            cycle = self._fast_path_cycle
            cycle.response_complete = False
            self.cycle = cycle  # type: ignore[assignment]  # has the attributes that uvicorn reads
        self._expect_body()

    def _expect_body(self) -> None:
        self._in_body, self._body_parts, self._unread_bytes = True, 0, 0
        self.deadline = self.loop.time() + self.limits.body_s

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body, which is nearly always the whole."""
        self._unread_bytes = 0
        if self._handler is None:
            super().on_body(body)
            if self._is_streaming and self._is_busy():
                self.deadline = self.loop.time() + self.limits.body_s
            else:
                self._count_body_part()
        else:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Call the fast-path handler, or let uvicorn finish the request."""
        if self._is_upgrade_ignored:
            return
        self._in_body, self._is_idle = False, True
        handler = self._handler
        if handler is None:
            # The connection is idle if the response is already complete. Otherwise the server must act next.
            self.deadline = math.inf if self._is_busy() else self.loop.time() + self.limits.idle_s
            if self.cycle is not None:
                super().on_message_complete()
            return
        head = self._head
        self._call_handler(handler, head, head.headers.get(b"authorization"), self._body)

    # The fast path -----------------------------------------------------------------------------------

    def _match_fast_path(self) -> Handler | None:
        """Return the handler if a router matches and the request is eligible, else None."""
        if not self.url.startswith(FAST_PATH_PREFIX):
            return None
        if self._fast_path_count >= self.limits.pipelined_requests:
            return None
        headers = dict(self.headers)
        method = self.parser.get_method()
        for router in self.routers:
            handler = router.match(method, self.url, headers)
            if handler is not None and self._is_fast_path_eligible(headers):
                origin, host = (decode_header(headers.get(name)) for name in (b"origin", b"host"))
                cors = self.writer.cors_headers(origin, host, None)
                self._router, self._head = router, RequestHead(method, self.url, headers, origin, host, cors)
                return handler
        return None

    def _is_fast_path_eligible(self, headers: Headers) -> bool:
        """Return True if the request is simple enough for the fast path (see the package's docstring)."""
        if self._is_busy() or self.pipeline or self.flow.write_paused or self.expect_100_continue:
            return False
        parser = self.parser
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if len(headers) != len(self.headers) or b"transfer-encoding" in headers:
            return False
        if b"content-encoding" in headers:
            return False
        length = headers.get(b"content-length", b"0")
        return length.isdigit() and int(length) <= MAX_FAST_PATH_BODY_BYTES

    def _serve_from_head_cache(self, segment: bytes) -> bool:
        """Serve the segment without the parser. Return False unless it is one request with a cached head."""
        cycle = self.cycle
        if (cycle is not None and not cycle.response_complete) or self.flow.write_paused:
            return False
        cached = self.head_cache.find(segment)
        if cached is None:
            return False
        (head, router, cached_handler, _), authorization, body = cached
        handler = cached_handler or router.match(head.method, head.url, _with(authorization, head.headers))
        if handler is None:
            return False
        self._in_headers = False
        self._head = head
        fast_path_cycle = self._fast_path_cycle
        fast_path_cycle.response_complete = False
        self.cycle = fast_path_cycle  # type: ignore[assignment]  # as in on_headers_complete
        self._call_handler(handler, head, authorization, body)
        return True

    def _call_handler(
        self, handler: Handler, head: RequestHead, authorization: bytes | None, body: bytes
    ) -> None:
        """Pass a complete request to its handler, which responds now or later."""
        self.deadline = math.inf
        try:
            client = self.client_addresses.client(self.peer, head.headers)
            is_encrypted = client.is_encrypted or self.scheme == "https"
            handler(FastPathRequest(head, authorization, body, client, is_encrypted), self._respond)
        except Exception as failure:  # an exception in a parser callback would become a 400
            path = head.url.partition(b"?")[0].decode("latin-1")
            response = problem_response(to_pollwire_error(failure), path)  # which logs the failure
            if not self._fast_path_cycle.response_complete:
                self._respond(response)

    def _respond(self, response: HttpResponse) -> None:
        """Write the response of a fast-path request and continue with the connection."""
        cycle, transport = self._fast_path_cycle, self.transport
        if not cycle.disconnected and not transport.is_closing():
            transport.write(
                self.writer.encode(response, self.server_state.default_headers, cycle.keep_alive, self._head)
            )
            if not cycle.keep_alive:
                transport.close()
        cycle.response_complete = True
        self.on_response_complete()
        if response.status in COUNTED_STATUSES:
            self.count_refusal()

    # The ASGI path -----------------------------------------------------------------------------------

    def _forward_to_asgi(self) -> None:
        """Catch up with what uvicorn does from the first byte of a request on."""
        if self._is_busy():
            self._check_pipeline()
        url, headers, expect_100_continue = self.url, self.headers, self.expect_100_continue
        self.server = self.server or get_local_addr(self.transport)
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect_100_continue
        self.headers.extend(headers)
        super().on_headers_complete()
        if not self._fast_path_cycle.keep_alive:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = _without_chunks(app, cycle)
        app = _count_refusals(app, self.count_refusal)
        super()._start_asgi_task(cycle, _ignore_after_disconnect(app, cycle, self.transport))

    # Upgrades ----------------------------------------------------------------------------------------

    def _upgrade(self, rest: bytes) -> None:
        """Handle a WebSocket handshake, on which the parser has stopped. ``rest`` follows it."""
        if self._is_busy() or not is_handshake(self.parser, dict(self.headers)):
            self._reject(
                BadRequest(
                    "A WebSocket handshake must be an HTTP/1.1 GET request without a body, "
                    "with no other request in progress."
                )
            )
            return
        self.timeouts.discard(self)
        self.flow.resume_reading()
        if not self._accepted_by_fast_path(rest):
            self._forward_to_asgi()
            self.handle_websocket_upgrade()
            protocol = cast(asyncio.Protocol, self.transport.get_protocol())
            if isinstance(protocol, GuardedWebSocketProtocol):
                protocol.join_network(self.network_connections)
            if rest:
                protocol.data_received(rest)
        self.network_connections.discard(self)
        self.parser = None  # type: ignore[assignment]  # breaks the reference cycle; it is not used again

    def _accepted_by_fast_path(self, rest: bytes) -> bool:
        """Return True if the acceptor has taken over the connection."""
        acceptor, headers = self.websocket_acceptor, dict(self.headers)
        if acceptor is None or len(headers) != len(self.headers):
            return False
        client = self.client_addresses.client(self.peer, headers)
        connections = cast(ConnectionRegistry, self.network_connections)
        return acceptor.accept(self.url, headers, rest, self.transport, connections, client=client)


def is_handshake(parser: httptools.HttpRequestParser, headers: dict[bytes, bytes]) -> bool:
    """Return True if the HTTP part of a WebSocket handshake is valid (RFC 6455, section 4.2.1)."""
    if parser.get_method() != b"GET" or parser.get_http_version() != "1.1":
        return False
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def head_without_upgrade(
    parser: httptools.HttpRequestParser, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> bytes | None:
    """Return the request head without its upgrade, to be parsed again with the body.

    Return None for ``CONNECT``, which requests a tunnel and counts as an upgrade in the parser.
    """
    method = parser.get_method()
    if method == b"CONNECT":
        return None
    lines = [b"%b %b HTTP/%b\r\n" % (method, url, parser.get_http_version().encode())]
    for name, value in headers:
        if name not in _UPGRADE_HEADERS:
            lines += (name, b": ", value, b"\r\n")
        elif b"close" in (option.strip() for option in value.lower().split(b",")):
            lines.append(b"connection: close\r\n")
    return b"".join((*lines, b"\r\n"))


def _ignore_after_disconnect(
    app: ASGI3Application, cycle: RequestResponseCycle, transport: asyncio.Transport
) -> ASGI3Application:
    """Wrap the application for one request, so that messages to a client that has left are dropped."""

    async def guarded_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def guarded_send(message: ASGISendEvent) -> None:
            if transport.is_closing():
                cycle.disconnected = True
            try:
                await send(message)
            except RuntimeError:  # the client may leave while ``send`` waits for it to read
                if not transport.is_closing():
                    raise
                cycle.disconnected = True

        await app(scope, receive, guarded_send)

    return guarded_app


def _count_refusals(app: ASGI3Application, count_refusal: Callable[[], None]) -> ASGI3Application:
    """Wrap the application for one request, so that its refusal is counted."""

    async def counted_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def counted_send(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start" and message["status"] in COUNTED_STATUSES:
                count_refusal()
            await send(message)

        await app(scope, receive, counted_send)

    return counted_app


def _without_chunks(app: ASGI3Application, cycle: UvicornAsgiCycle) -> ASGI3Application:
    """Wrap the application for an HTTP/1.0 request: a body without length ends with the connection.

    A server must not send ``Transfer-Encoding`` to such a client (RFC 9112, 6.1). uvicorn closes the
    connection after each HTTP/1.0 response.
    """

    async def unchunked_app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        is_unframed = False

        async def unchunked_send(message: ASGISendEvent) -> None:
            nonlocal is_unframed
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                is_unframed = b"content-length" not in names
                if is_unframed:
                    cycle.chunked_encoding = False
            elif is_unframed and message["type"] == "http.response.body":
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, unchunked_send)

    return unchunked_app


def _with(authorization: bytes | None, headers: Headers) -> Headers:
    return headers if authorization is None else {**headers, b"authorization": authorization}


def make_protocol_class(
    routers: Sequence[FastPathRouter],
    websocket_acceptor: WebSocketAcceptor | None,
    timeouts: ConnectionTimeouts,
    client_addresses: ClientAddressResolver = FastPathProtocol.client_addresses,
    *,
    is_streaming_upload: Callable[[bytes, bytes], bool] = _is_never_streaming,
    connection_share: int | None = None,
    refusals: RefusalLimiter | None = None,
    cors: CorsPolicy | None = None,
) -> type[FastPathProtocol]:
    """Return a protocol class for uvicorn with these routers and timeouts and a head cache of its own.

    ``is_streaming_upload`` receives method and URL, and returns True if the body may have any length.
    Such a body has no limit on its parts, and its deadline is extended by every part. ``connection_share``:
    connections of one network, as in ``ConnectionTable``. ``refusals``: none are limited without it.
    ``cors``: the headers of fast-path responses, none without it.
    """
    attributes = {
        "routers": tuple(routers),
        "websocket_acceptor": websocket_acceptor,
        "timeouts": timeouts,
        "connection_table": ConnectionTable(timeouts.limits.connections, connection_share),
        "refusals": refusals or RefusalLimiter(None),
        "client_addresses": client_addresses,
        "head_cache": RequestHeadCache(),
        "writer": ResponseWriter() if cors is None else ResponseWriter(cors.headers_for),
        "is_streaming_upload": staticmethod(is_streaming_upload),
    }
    return type("ServiceProtocol", (FastPathProtocol,), attributes)
