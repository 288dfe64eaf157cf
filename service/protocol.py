"""HTTP as the server's parser sees it, with fast lanes for what a million readers do.

An ordinary request costs a scope, a task, an event, a trip through the router
and a response object: some 100 us. A few requests are sent by everybody in the
same minute (a vote and what a browser sends before it, a look at the results,
a stream's handshake) and need none of that: once the headers are complete,
method and path say which they are, and the doors know what they mean. So this
subclass of uvicorn's protocol offers each plain request to its lanes from the
parser's own callback; the lane that takes it answers with one
``transport.write``. Everything else, and everything unusual, goes the ordinary
way through Litestar, before a byte is answered.

Plain means: HTTP/1.1 kept alive, no ``Expect``, no ``Transfer-Encoding``, a
body of stated and moderate length, no header given twice, nothing else in
flight on the connection, and a client that reads its answers. While a lane
answers, a ``LaneCycle`` stands where uvicorn keeps its own cycle, so that a
drain waits for it and a pipelined request queues behind it.

Nothing in uvicorn times a silent socket or bounds a header. ``Deadlines`` does
both, with one timer for all connections instead of one each: a connection
carries the instant by which it must have moved on, and a sweep once a second
closes those that have not.

uvicorn's classes are no public interface: its version is pinned to a minor
one, and the corpus test sends the same requests with and without lanes.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.domain.errors import BadRequest
from service.problems import Answer, answer_of, error_of

log = logging.getLogger("pollwire.protocol")

LANE_PREFIX: Final = b"/v1/"
LANE_BODY_BYTES: Final = 16 * 1024
"""A longer body takes the ordinary way, where it is refused with a reason."""
HEADER_BYTES: Final = 64 * 1024
HEADERS_WITHIN_S: Final = 10.0
BODY_WITHIN_S: Final = 30.0
IDLE_WITHIN_S: Final = 75.0

Headers = Mapping[bytes, bytes]
Respond = Callable[[Answer], None]


class LaneRequest:
    """One plain request: ``url`` as sent (path and query), header names in lower case."""

    __slots__ = ("body", "headers", "method", "secure", "url")

    def __init__(self, method: bytes, url: bytes, headers: Headers, body: bytes, secure: bool) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.secure = secure


Handler = Callable[[LaneRequest, Respond], None]


class Lane(Protocol):
    """What answers a family of plain requests."""

    def find(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """The handler of such a request, or None: the ordinary way. It must call ``respond`` exactly once."""


class SocketLane(Protocol):
    """What takes WebSocket handshakes over, the transport and all that comes after included."""

    def take(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        among: set[Any],  # of uvicorn's connections, which are of several classes
    ) -> bool:
        """Whether the handshake was taken; ``rest`` is what the client sent behind it.

        A lane that takes it adds the transport's new protocol to ``among``, so that a drain finds it.
        """


class _NobodyWaits:
    """Stands for the cycle's event, which only an ASGI task would wait for."""

    __slots__ = ()

    def set(self) -> None: ...


class LaneCycle:
    """The request in a lane, of the shape in which uvicorn looks at its cycles; one a connection, used anew."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event = _NobodyWaits()

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True


class LaneProtocol(HttpToolsProtocol):
    """One HTTP connection. ``server.py`` makes a subclass of it that knows its lanes."""

    lanes: Sequence[Lane] = ()
    socket_lane: SocketLane | None = None
    deadlines: Deadlines

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn's own type: whatever the lifespan left there
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.deadline = self.loop.time() + HEADERS_WITHIN_S
        self._handler: Handler | None = None
        self._lane_cycle = LaneCycle()
        self._lane_headers: Headers = {}
        self._body: bytes = b""
        self._header_bytes = 0
        self._in_headers = True

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        """A client has come."""
        super().connection_made(transport)
        self.deadlines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left."""
        super().connection_lost(exc)
        self.deadlines.discard(self)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; whatever it cannot read is told as a problem, not as text."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse("The request is not readable as HTTP/1.1.")
        else:
            if self._in_headers:
                self._bound_headers(len(data))

    # What the parser calls, in the order of a request ------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins. uvicorn would make its scope here; most requests here never need one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._handler = None
        if not self._in_headers:
            self._in_headers, self._header_bytes = True, 0
            self.deadline = self.loop.time() + HEADERS_WITHIN_S

    def on_headers_complete(self) -> None:
        """Either a lane takes the request, or it goes the ordinary way."""
        self._in_headers = False
        if self._asks_for_another_protocol():
            return  # ``_ignore_upgrade`` reads it anew
        handler = self._lane_handler()
        if handler is None:
            self._take_the_ordinary_way()
            return
        self._handler = handler
        self._body = b""
        cycle = self._lane_cycle
        cycle.response_complete = False
        self.cycle = cycle  # type: ignore[assignment]  # of the cycle's shape, as far as it is looked at
        self.deadline = self.loop.time() + BODY_WITHIN_S

    def on_body(self, body: bytes) -> None:
        """A part of the body; nearly always the whole."""
        if self._handler is None:
            super().on_body(body)
        else:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """The request is whole: the lane answers now or later, through ``_respond``."""
        if self._asks_for_another_protocol():
            return
        handler = self._handler
        self.deadline = math.inf  # from here on it is ours to be quick
        if handler is None:
            super().on_message_complete()
            return
        method = self.parser.get_method()
        request = LaneRequest(method, self.url, self._lane_headers, self._body, self.scheme == "https")
        try:
            handler(request, self._respond)
        except Exception as failure:  # a parser callback must not raise: it would become a textual 400
            path = self.url.partition(b"?")[0].decode("latin-1")
            self._respond(answer_of(error_of(failure), path))

    # Which way ----------------------------------------------------------------------------------------

    def _lane_handler(self) -> Handler | None:
        """The lane's handler for a plain request; None for anything else."""
        if not self.url.startswith(LANE_PREFIX):
            return None
        headers = dict(self.headers)
        method = self.parser.get_method()
        for lane in self.lanes:
            handler = lane.find(method, self.url, headers)
            if handler is not None and self._is_plain(headers):
                self._lane_headers = headers
                return handler
        return None

    def _is_plain(self, headers: Headers) -> bool:
        in_flight = self.cycle is not None and not self.cycle.response_complete
        if in_flight or self.pipeline or self.flow.write_paused or self.expect_100_continue:
            return False
        parser = self.parser
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if len(headers) != len(self.headers) or b"transfer-encoding" in headers:
            return False
        length = headers.get(b"content-length", b"0")
        return length.isdigit() and int(length) <= LANE_BODY_BYTES

    def _take_the_ordinary_way(self) -> None:
        """What uvicorn does from the first byte on, caught up with."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self.deadline = self.loop.time() + BODY_WITHIN_S
        super().on_headers_complete()

    def _upgrade(self, rest: bytes) -> None:
        """The parser stopped, since the request asks for another protocol; ours is WebSocket."""
        if self._asks_for_another_protocol():
            self._ignore_upgrade(rest)
            return
        in_flight = self.cycle is not None and not self.cycle.response_complete
        if in_flight or self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            self._refuse("A WebSocket handshake is a GET of HTTP/1.1, with nothing else under way.")
            return
        self.deadlines.discard(self)
        self.flow.resume_reading()
        if self._is_taken(rest):
            self.connections.discard(self)
            return
        self.handle_websocket_upgrade()
        if rest:
            socket = cast(asyncio.Protocol, self.transport.get_protocol())
            socket.data_received(rest)

    def _is_taken(self, rest: bytes) -> bool:
        """Whether the lane has taken the handshake over."""
        lane, headers = self.socket_lane, dict(self.headers)
        if lane is None or len(headers) != len(self.headers):
            return False
        return lane.take(self.url, headers, rest, self.transport, self.connections)

    def _asks_for_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and not self._should_upgrade()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """A server may ignore an upgrade (RFC 9110, 7.8); llhttp skips the body, so it is all read anew."""
        method = self.parser.get_method()
        if method == b"CONNECT":  # asks for a tunnel, which is an upgrade to the parser
            self._refuse("This service is no proxy.")
            return
        lines = [method, b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in (b"connection", b"upgrade", b"http2-settings"):
                lines += (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join((*lines, b"\r\n", rest)))

    # Answers ------------------------------------------------------------------------------------------

    def _respond(self, answer: Answer) -> None:
        """Writes the lane's answer, and lets the connection go on."""
        cycle, transport = self._lane_cycle, self.transport
        if not cycle.disconnected and not transport.is_closing():
            transport.write(self._encoded(answer, cycle.keep_alive))
            if not cycle.keep_alive:
                transport.close()
        cycle.response_complete = True
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """A response is out: the next of the pipeline begins, or the connection idles until its deadline."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._in_headers:
            self.deadline = self.loop.time() + IDLE_WITHIN_S

    def _encoded(self, answer: Answer, keep_alive: bool) -> bytes:
        parts = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in answer.headers:
            parts += (name, b": ", value, b"\r\n")
        if answer.status not in (204, 304):  # RFC 9110, 8.6: neither has a body to state the length of
            parts.append(b"content-length: %d\r\n" % len(answer.body))
        parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        parts.append(answer.body)
        return b"".join(parts)

    def _bound_headers(self, received: int) -> None:
        self._header_bytes += received
        if self._header_bytes > HEADER_BYTES:
            self._refuse(f"The headers may have at most {HEADER_BYTES} bytes.")

    def send_400_response(self, msg: str) -> None:
        """What uvicorn itself finds unreadable is told like everything else."""
        self._refuse(msg)

    def _refuse(self, detail: str) -> None:
        """Answers what is no request, and closes."""
        if not self.transport.is_closing():
            self.transport.write(self._encoded(answer_of(BadRequest(detail), "/"), keep_alive=False))
            self.transport.close()


def protocol_with(
    lanes: Sequence[Lane], socket_lane: SocketLane | None, deadlines: Deadlines
) -> type[LaneProtocol]:
    """The protocol class that uvicorn makes its connections of: these lanes, and these deadlines kept."""
    return type(
        "ServiceProtocol",
        (LaneProtocol,),
        {"lanes": tuple(lanes), "socket_lane": socket_lane, "deadlines": deadlines},
    )


class Deadlines:
    """Closes the HTTP connections that let their deadline pass; one timer for all of them."""

    SWEEP_S: Final = 1.0

    def __init__(self) -> None:
        self._connections: set[LaneProtocol] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: LaneProtocol) -> None:
        """The connection is watched from now on."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(self.SWEEP_S, self._sweep, connection.loop)

    def discard(self, connection: LaneProtocol) -> None:
        """The connection has ended, or speaks another protocol now."""
        self._connections.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._connections):
            if connection.deadline < now:
                connection.transport.abort()
        self._timer = loop.call_later(self.SWEEP_S, self._sweep, loop) if self._connections else None
