"""A connection without a network: the test provides the transport, the router and the application."""

from __future__ import annotations

from typing import Any, cast

import uvicorn
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.http_protocol import (
    ConnectionRegistry,
    ConnectionTimeouts,
    FastPathProtocol,
    FastPathRequest,
    GuardedWebSocketProtocol,
    Handler,
    Headers,
    HttpLimits,
    Respond,
    make_protocol_class,
)
from pollwire_server.problem_details import HttpResponse
from uvicorn.server import ServerState

from tests.http_corpus.case import request
from tests.transports import Pipe
from tests.wait import until

SLOW = HttpResponse(200, ((b"x-by", b"fast-path"),), b"slow")
QUICK = HttpResponse(200, ((b"x-by", b"fast-path"),), b"quick")
LIMITS = HttpLimits(headers_s=10, body_s=30, idle_s=75, closing_s=5, header_bytes=1000, sweep_s=0.01)


async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI types them
    """Echo the request, as the application on the ASGI path."""
    if scope["path"].startswith("/early"):
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    echo = b"%b %b %b" % (scope["method"].encode(), scope["raw_path"], body)
    headers = [(b"x-by", b"asgi"), (b"content-length", str(len(echo)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": echo})


class FakeRouter:
    """Router for ``/v1/slow`` (the test responds), ``/v1/quick``, and two failing handlers."""

    def __init__(self) -> None:
        self.requests: list[FastPathRequest] = []
        self.waiting: list[Respond] = []

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        return cast(Handler | None, getattr(self, url.removeprefix(b"/v1/").decode("latin-1"), None))

    def slow(self, request: FastPathRequest, respond: Respond) -> None:
        self.requests.append(request)
        self.waiting.append(respond)

    def quick(self, request: FastPathRequest, respond: Respond) -> None:
        self.requests.append(request)
        respond(QUICK)

    def failing(self, request: FastPathRequest, respond: Respond) -> None:
        raise PollNotFound("x")

    def failing_late(self, request: FastPathRequest, respond: Respond) -> None:
        respond(QUICK)
        raise ValueError


class FakeAcceptor:
    """WebSocket acceptor that accepts ``/v1/taken`` only."""

    def __init__(self) -> None:
        self.rest: bytes | None = None

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: Any,
        server_connections: ConnectionRegistry,
        *,
        client: ClientAddress,
    ) -> bool:
        if url != b"/v1/taken":
            return False
        self.rest = rest
        server_connections.add(self)
        return True

    def shutdown(self) -> None: ...


class ConnectionHarness:
    """A connection with a fake router, acceptor and transport."""

    def __init__(self, timeouts: ConnectionTimeouts | None = None) -> None:
        self.router, self.acceptor, self.pipe = FakeRouter(), FakeAcceptor(), Pipe()
        self.timeouts = ConnectionTimeouts(LIMITS) if timeouts is None else timeouts
        self.config = uvicorn.Config(app, ws=GuardedWebSocketProtocol, log_config=None, lifespan="off")
        self.config.load()
        self.state = ServerState()
        protocol_class = make_protocol_class([self.router], self.acceptor, self.timeouts)
        self.connection: FastPathProtocol = protocol_class(self.config, self.state, {})
        self.pipe.protocol = self.connection
        self.connection.connection_made(self.pipe)

    def send(self, *segments: bytes) -> None:
        """Deliver the segments to the connection."""
        for segment in segments:
            self.connection.data_received(segment)

    async def wait_for_asgi(self) -> None:
        """Wait until no ASGI request is in flight."""
        await until(lambda: not self.state.tasks)

    @property
    def bodies(self) -> list[bytes]:
        """Status and body of every response so far, in order."""
        responses, rest = [], self.pipe.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            responses.append(head[9:12] + b" " + rest[:length])
            rest = rest[length:]
        return responses

    def statuses(self) -> list[int]:
        """Return the status of every response so far."""
        return [int(body[:3]) for body in self.bodies]

    @property
    def remaining_s(self) -> float:
        """Seconds until the connection's deadline."""
        return round(self.connection.deadline - self.connection.loop.time())


def post(path: str, *headers: str, body: str = "", **more: str) -> bytes:
    """Return a POST request."""
    return request(f"POST {path}", *headers, body=body, **more)
