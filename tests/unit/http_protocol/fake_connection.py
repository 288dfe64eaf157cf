"""A connection with the test as its transport, its lanes and its route."""

from __future__ import annotations

from typing import Any, cast

import uvicorn
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.http_protocol import (
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

SLOW = HttpResponse(200, ((b"x-by", b"lane"),), b"slow")
QUICK = HttpResponse(200, ((b"x-by", b"lane"),), b"quick")
LIMITS = HttpLimits(headers_s=10, body_s=30, idle_s=75, closing_s=5, header_bytes=1000, sweep_s=0.01)


async def route(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI types them
    """The ordinary way: tells what it was asked."""
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
    said = b"%b %b %b" % (scope["method"].encode(), scope["raw_path"], body)
    headers = [(b"x-by", b"route"), (b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


class Lane:
    """Takes ``/v1/slow``, to be answered when the test says so, ``/v1/quick``, and two that fail."""

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


class Sockets:
    """A lane of sockets that takes those of ``/v1/taken``."""

    def __init__(self) -> None:
        self.rest: bytes | None = None

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: Any,
        among: set[Any],
        *,
        client: ClientAddress,
    ) -> bool:
        if url != b"/v1/taken":
            return False
        self.rest = rest
        among.add(self)
        return True


class House:
    """A connection and what is around it."""

    def __init__(self, deadlines: ConnectionTimeouts | None = None) -> None:
        self.lane, self.sockets, self.pipe = Lane(), Sockets(), Pipe()
        self.deadlines = ConnectionTimeouts(LIMITS) if deadlines is None else deadlines
        self.config = uvicorn.Config(route, ws=GuardedWebSocketProtocol, log_config=None, lifespan="off")
        self.config.load()
        self.state = ServerState()
        made = make_protocol_class([self.lane], self.sockets, self.deadlines)
        self.connection: FastPathProtocol = made(self.config, self.state, {})
        self.pipe.protocol = self.connection
        self.connection.connection_made(self.pipe)

    def send(self, *segments: bytes) -> None:
        """As the kernel hands them over."""
        for segment in segments:
            self.connection.data_received(segment)

    async def settled(self) -> None:
        """Until no route is at work."""
        await until(lambda: not self.state.tasks)

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all answers so far, in order, each with its status."""
        answers, rest = [], self.pipe.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            answers.append(head[9:12] + b" " + rest[:length])
            rest = rest[length:]
        return answers

    def statuses(self) -> list[int]:
        """The statuses of all answers so far."""
        return [int(body[:3]) for body in self.bodies]

    @property
    def left_s(self) -> float:
        """Seconds until the connection's deadline."""
        return round(self.connection.deadline - self.connection.loop.time())


def asks(path: str, *headers: str, body: str = "", **more: str) -> bytes:
    """A POST."""
    return request(f"POST {path}", *headers, body=body, **more)
