"""Which way each request of an HTTP connection goes, and how a lane's answer leaves by it.

What stands where uvicorn keeps the cycle of its newest request, while a lane has that request.

Clients who leave while they are being answered: what is still said to them goes nowhere, and is no error.

Where a write finds the client gone, the event loop closes the transport at once, but tells the protocol
only in its next turn. An answer that is written in between (of a request that was pipelined behind, say)
would raise on a closed transport and be logged as a failure of ours.

Requests that ask for another protocol: a WebSocket's handshake, or what the request is without asking.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from typing import Any, Final, cast

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr
from uvicorn.server import ServerState

from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.http_protocol.fast_path import (
    FastPathRequest,
    FastPathRouter,
    Handler,
    Headers,
    RequestHead,
    WebSocketAcceptor,
)
from pollwire_server.http_protocol.head_cache import RequestHeadCache
from pollwire_server.http_protocol.request_limits import LimitedHttpProtocol
from pollwire_server.http_protocol.timeouts import ConnectionTimeouts, is_streaming_upload
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error


class _NullEvent:
    """Stands for the cycle's event, which only an ASGI task would wait for."""

    __slots__ = ()

    def set(self) -> None: ...


class FastPathCycle:
    """The request in a lane, of the shape in which uvicorn looks at its cycles; one a connection."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = _NullEvent()
    response_started = False

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True


def _ignore_after_disconnect(
    app: ASGI3Application, cycle: RequestResponseCycle, transport: asyncio.Transport
) -> ASGI3Application:
    """The application, for one request: its cycle learns before each message whether the client is gone."""

    async def answering(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_unless_gone(message: ASGISendEvent) -> None:
            if transport.is_closing():
                cycle.disconnected = True
            await send(message)

        await app(scope, receive, send_unless_gone)

    return answering


_OF_THE_UPGRADE: Final = (b"connection", b"upgrade", b"http2-settings")
"""Headers that mean nothing once an upgrade is ignored."""


def is_handshake(parser: httptools.HttpRequestParser, headers: dict[bytes, bytes]) -> bool:
    """RFC 6455, section 4.2.1, as far as it is plain HTTP."""
    if parser.get_method() != b"GET" or parser.get_http_version() != "1.1":
        return False
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def head_without_upgrade(
    parser: httptools.HttpRequestParser, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> bytes | None:
    """The head to be read anew: a server may ignore an upgrade (RFC 9110, 7.8), and a parser skips its body.

    None for ``CONNECT``, which asks for a tunnel and is an upgrade to the parser.
    """
    method = parser.get_method()
    if method == b"CONNECT":
        return None
    lines = [b"%b %b HTTP/%b\r\n" % (method, url, parser.get_http_version().encode())]
    for name, value in headers:
        if name not in _OF_THE_UPGRADE:
            lines += (name, b": ", value, b"\r\n")
        elif b"close" in (option.strip() for option in value.lower().split(b",")):
            lines.append(b"connection: close\r\n")
    return b"".join((*lines, b"\r\n"))


LANE_PREFIX: Final = b"/v1/"
LANE_BODY_BYTES: Final = 16 * 1024
"""A longer body takes the ordinary way, where it is refused with a reason."""
_HOST: Final = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")
"""What a ``Host`` may hold (RFC 3986, 3.2); on the ordinary way another is answered 400 (RFC 9112, 3.2)."""
_NO_HEAD: Final = RequestHead(b"", b"", {})


class FastPathProtocol(LimitedHttpProtocol):
    """One HTTP connection. ``protocol_with`` makes a subclass of it that knows its lanes."""

    lanes: Sequence[FastPathRouter] = ()
    socket_lane: WebSocketAcceptor | None = None
    heads = RequestHeadCache()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's own type: whatever the lifespan left there
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._handler: Handler | None = None
        self._lane_cycle = FastPathCycle()
        self._lane: FastPathRouter | None = None
        self._lane_head = _NO_HEAD
        self._body: bytes = b""
        self._is_idle = True  # two requests, or before the first
        self._asks_for_another_protocol = False
        self._is_endless = False  # the body; set for requests that go the ordinary way
        self._segment_bytes = 0
        self._fast_path_count = 0  # by lanes, of the segment being read

    def close_after_response(self) -> None:
        """The connection ends with its next answer, which says so; cut by us it might meet a request."""
        self._lane_cycle.keep_alive = False
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; whatever it cannot read is told as a problem, not as text."""
        if self._refusal is not None:
            return  # what stands behind a request that cannot be read means nothing
        was_between = self._is_idle
        if was_between and self._serve_from_head_cache(data):
            return
        self._began_before = True
        self._segment_bytes, self._fast_path_count = len(data), 0
        self._unread_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_unread(error)
        else:
            if self._in_headers and self._began_before:
                self._bound_headers(len(data))
            elif self._in_body:
                self._bound_unread()
            if was_between and self._is_idle and self._lane is not None and self._handler is not None:
                self.heads.store(data, self._lane_head, self._lane, self._handler)

    # What the parser calls, in the order of a request ------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins. uvicorn would make its scope here; most requests here never need one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._handler = None
        self._lane = None
        self._is_idle = False
        self._began_before = False
        if not self._in_headers:
            self._in_headers, self._header_bytes = True, 0
            self.deadline = self.loop.time() + self.limits.headers_s

    def on_headers_complete(self) -> None:
        """Either a lane takes the request, or it goes the ordinary way."""
        self._in_headers = False
        if self._began_before or self._segment_bytes > self.limits.header_bytes:
            self._check_size()
        if self.parser.should_upgrade():
            self._asks_for_another_protocol = not self._should_upgrade()
            if not self._asks_for_another_protocol:
                self._await_body()
            return  # the parser stops behind the request: ``_upgrade``
        self._asks_for_another_protocol = False
        handler = self._match_fast_path()
        if handler is None:
            self._is_endless = is_streaming_upload(self.parser.get_method(), self.url)
            self._forward_to_asgi()
        else:
            self._fast_path_count += 1
            self._handler = handler
            self._body = b""
            cycle = self._lane_cycle
            cycle.response_complete = False
            self.cycle = cycle  # type: ignore[assignment]  # of the cycle's shape, as far as it is looked at
        self._await_body()

    def _await_body(self) -> None:
        self._in_body, self._parts, self._unread_bytes = True, 0, 0
        self.deadline = self.loop.time() + self.limits.body_s

    def on_body(self, body: bytes) -> None:
        """A part of the body; nearly always the whole."""
        self._unread_bytes = 0
        if self._handler is None:
            super().on_body(body)
            if self._is_endless and self._is_busy():
                self.deadline = self.loop.time() + self.limits.body_s
            else:
                self._bound_parts()
        else:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """The request is whole: the lane answers now or later, through ``_respond``."""
        if self._asks_for_another_protocol:
            return
        self._in_body, self._is_idle = False, True
        handler = self._handler
        if handler is None:
            # Answered before it was whole, it idles by now; else it is ours to be quick.
            self.deadline = math.inf if self._is_busy() else self.loop.time() + self.limits.idle_s
            if self.cycle is not None:
                super().on_message_complete()
            return
        head = self._lane_head
        self._call_handler(handler, head, head.headers.get(b"authorization"), self._body)

    def _serve_from_head_cache(self, segment: bytes) -> bool:
        """Whether the segment was one request of a kind met before, and has been handed to its lane."""
        cycle = self.cycle
        if (cycle is not None and not cycle.response_complete) or self.flow.write_paused:
            return False
        known = self.heads.find(segment)
        if known is None:
            return False
        (head, lane, lasting, _), authorization, body = known
        handler = lasting or lane.match(head.method, head.url, _with(authorization, head.headers))
        if handler is None:
            return False
        self._in_headers = False
        lane_cycle = self._lane_cycle
        lane_cycle.response_complete = False
        self.cycle = lane_cycle  # type: ignore[assignment]  # as in on_headers_complete
        self._call_handler(handler, head, authorization, body)
        return True

    def _call_handler(
        self, handler: Handler, head: RequestHead, authorization: bytes | None, body: bytes
    ) -> None:
        """A whole request to its lane."""
        self.deadline = math.inf
        try:
            client = self.clients.client(self.peer, head.headers)
            is_encrypted = client.is_encrypted or self.scheme == "https"
            handler(FastPathRequest(head, authorization, body, client, is_encrypted), self._respond)
        except Exception as failure:  # a parser callback must not raise: it would become a 400
            path = head.url.partition(b"?")[0].decode("latin-1")
            answer = problem_response(to_pollwire_error(failure), path)  # logged there
            if not self._lane_cycle.response_complete:
                self._respond(answer)

    # Which way ----------------------------------------------------------------------------------------

    def _match_fast_path(self) -> Handler | None:
        """The lane's handler for a plain request; None for anything else."""
        if not self.url.startswith(LANE_PREFIX) or self._fast_path_count >= self.limits.waiting:
            return None
        headers = dict(self.headers)
        method = self.parser.get_method()
        for lane in self.lanes:
            handler = lane.match(method, self.url, headers)
            if handler is not None and self._is_fast_path_eligible(headers):
                self._lane, self._lane_head = lane, RequestHead(method, self.url, headers)
                return handler
        return None

    def _is_fast_path_eligible(self, headers: Headers) -> bool:
        if self._is_busy() or self.pipeline or self.flow.write_paused or self.expect_100_continue:
            return False
        parser = self.parser
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if len(headers) != len(self.headers) or b"transfer-encoding" in headers:
            return False
        if _HOST.fullmatch(headers.get(b"host", b"")) is None:
            return False
        length = headers.get(b"content-length", b"0")
        return length.isdigit() and int(length) <= LANE_BODY_BYTES

    def _forward_to_asgi(self) -> None:
        """What uvicorn does from the first byte on, caught up with."""
        if self._is_busy():
            self._bound_waiting()
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        self.server = self.server or get_local_addr(self.transport)
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        if not self._lane_cycle.keep_alive:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, _ignore_after_disconnect(app, cycle, self.transport))

    def _upgrade(self, rest: bytes) -> None:
        """The parser stopped, since the request asks for another protocol; ours is WebSocket."""
        if self._asks_for_another_protocol:
            self._ignore_upgrade(rest)
            return
        if self._is_busy() or not is_handshake(self.parser, dict(self.headers)):
            self._refuse("A WebSocket handshake is a GET of HTTP/1.1 without a body, and nothing before it.")
            return
        self.deadlines.discard(self)
        self.flow.resume_reading()
        if self._accepted_by_fast_path(rest):
            self.connections.discard(self)
        else:
            self._forward_to_asgi()
            self.handle_websocket_upgrade()
            if rest:
                cast(asyncio.Protocol, self.transport.get_protocol()).data_received(rest)
        self.parser = None  # type: ignore[assignment]  # it and this know one another, and neither is needed

    def _accepted_by_fast_path(self, rest: bytes) -> bool:
        """Whether the lane has taken the handshake over."""
        lane, headers = self.socket_lane, dict(self.headers)
        if lane is None or len(headers) != len(self.headers):
            return False
        if _HOST.fullmatch(headers.get(b"host", b"")) is None:
            return False
        client = self.clients.client(self.peer, headers)
        return lane.accept(self.url, headers, rest, self.transport, self.connections, client=client)

    def _ignore_upgrade(self, rest: bytes) -> None:
        head = head_without_upgrade(self.parser, self.url, self.headers)
        if head is None:
            self._refuse("This service is no proxy.")
            return
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    # Answers ------------------------------------------------------------------------------------------

    def _respond(self, answer: HttpResponse) -> None:
        """Writes the lane's answer, and lets the connection go on."""
        cycle, transport = self._lane_cycle, self.transport
        if not cycle.disconnected and not transport.is_closing():
            transport.write(self.writer.encode(answer, self.server_state.default_headers, cycle.keep_alive))
            if not cycle.keep_alive:
                transport.close()
        cycle.response_complete = True
        self.on_response_complete()


def _with(authorization: bytes | None, headers: Headers) -> Headers:
    return headers if authorization is None else {**headers, b"authorization": authorization}


def make_protocol_class(
    lanes: Sequence[FastPathRouter],
    socket_lane: WebSocketAcceptor | None,
    deadlines: ConnectionTimeouts,
    clients: ClientAddressResolver = FastPathProtocol.clients,
) -> type[FastPathProtocol]:
    """The protocol class that uvicorn makes its connections of: these lanes, and these deadlines kept."""
    own = {"lanes": tuple(lanes), "socket_lane": socket_lane, "deadlines": deadlines, "clients": clients}
    return type("ServiceProtocol", (FastPathProtocol,), {**own, "heads": RequestHeadCache()})
