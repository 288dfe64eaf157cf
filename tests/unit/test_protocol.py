"""One HTTP connection with the test as its transport: which way requests go, and in which order answers come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.domain.errors import PollNotFound
from service.problems import Answer
from service.protocol import (
    Deadlines,
    Handler,
    Headers,
    LaneProtocol,
    LaneRequest,
    Limits,
    Respond,
    SocketProtocol,
    protocol_with,
)
from tests.corpus.case import request
from tests.corpus.handshakes import handshake
from tests.unit.transports import Pipe
from tests.waiting import until

SLOW = Answer(200, ((b"x-by", b"lane"),), b"slow")
QUICK = Answer(200, ((b"x-by", b"lane"),), b"quick")
LIMITS = Limits(headers_s=10, body_s=30, idle_s=75, closing_s=5, header_bytes=1000, sweep_s=0.01)


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
        self.requests: list[LaneRequest] = []
        self.waiting: list[Respond] = []

    def find(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        return cast(Handler | None, getattr(self, url.removeprefix(b"/v1/").decode("latin-1"), None))

    def slow(self, request: LaneRequest, respond: Respond) -> None:
        self.requests.append(request)
        self.waiting.append(respond)

    def quick(self, request: LaneRequest, respond: Respond) -> None:
        self.requests.append(request)
        respond(QUICK)

    def failing(self, request: LaneRequest, respond: Respond) -> None:
        raise PollNotFound("x")

    def failing_late(self, request: LaneRequest, respond: Respond) -> None:
        respond(QUICK)
        raise ValueError


class Sockets:
    """A lane of sockets that takes those of ``/v1/taken``."""

    def __init__(self) -> None:
        self.rest: bytes | None = None

    def take(self, url: bytes, headers: Headers, rest: bytes, transport: Any, among: set[Any]) -> bool:
        if url != b"/v1/taken":
            return False
        self.rest = rest
        among.add(self)
        return True


class House:
    """A connection and what is around it."""

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self.lane, self.sockets, self.pipe = Lane(), Sockets(), Pipe()
        self.deadlines = deadlines or Deadlines(LIMITS)
        self.config = uvicorn.Config(route, ws=SocketProtocol, log_config=None, lifespan="off")
        self.config.load()
        self.state = ServerState()
        made = protocol_with([self.lane], self.sockets, self.deadlines)
        self.connection: LaneProtocol = made(self.config, self.state, {})
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


@pytest.fixture
async def house() -> House:
    return House()


def asks(path: str, *headers: str, body: str = "", **more: str) -> bytes:
    """A POST."""
    return request(f"POST {path}", *headers, body=body, **more)


async def test_a_lane_gets_the_whole_request(house: House) -> None:
    """Method, address as sent, headers in lower case, and the body however it was cut."""
    house.send(asks("/v1/quick", "X-Some: Thing", body="hel"))
    house.send(request("POST /v1/quick", "content-length: 5"), b"h", b"el", b"lo")
    first, second = house.lane.requests
    assert (first.method, first.url, first.body, first.secure) == (b"POST", b"/v1/quick", b"hel", False)
    assert first.headers[b"x-some"] == b"Thing"
    assert second.body == b"hello"
    assert house.bodies == [b"200 quick", b"200 quick"]
    assert house.state.total_requests == 2


@pytest.mark.parametrize(
    "sent",
    [
        asks("/v1/quick", "connection: close"),
        asks("/v1/quick", version="HTTP/1.0"),
        asks("/v1/quick", "x: 1", "x: 2"),
        asks("/v1/quick", "transfer-encoding: chunked", body="0\r\n\r\n"),
        asks("/v1/quick", "expect: 100-continue"),
        asks("/v1/quick", body="x" * 16385),
        asks("/elsewhere"),
        asks("/v1/unknown"),
    ],
)
async def test_what_is_not_plain_goes_the_ordinary_way(house: House, sent: bytes) -> None:
    """The lane is not asked to deal with it, and the route gets it whole."""
    house.send(sent)
    await house.settled()
    assert house.lane.requests == []
    assert b"x-by: route" in house.pipe.written


async def test_a_client_that_reads_no_answers_goes_the_ordinary_way(house: House) -> None:
    """Only routes wait for room to write."""
    house.connection.pause_writing()
    house.send(asks("/v1/quick"))
    assert house.lane.requests == []
    house.connection.resume_writing()
    await house.settled()


async def test_answers_keep_the_order_of_requests(house: House) -> None:
    """Whatever is pipelined behind a lane's request waits for its answer, and the lane takes the next."""
    house.send(asks("/v1/slow") + asks("/v1/quick") + asks("/v1/other", body="x"))
    assert house.bodies == []
    assert house.pipe.paused
    house.lane.waiting[0](SLOW)
    await until(lambda: len(house.bodies) == 3)
    assert house.bodies == [b"200 slow", b"200 POST /v1/quick ", b"200 POST /v1/other x"]
    house.send(asks("/v1/quick"))
    assert house.bodies[3] == b"200 quick"


async def test_a_failing_lane_answers_by_the_table(house: House) -> None:
    """What a handler raises is told as a problem, and the connection goes on; never twice."""
    house.send(asks("/v1/failing"))
    house.send(asks("/v1/failing_late"))
    house.send(asks("/v1/quick"))
    assert house.statuses() == [404, 200, 200]
    assert b'"instance":"/v1/failing"' in house.bodies[0]


async def test_an_answer_of_304_states_no_length(house: House) -> None:
    """RFC 9110, 8.6; a body of none is stated for all else."""
    house.send(asks("/v1/slow"))
    house.lane.waiting[0](Answer(304, ((b"etag", b'"x"'),), b""))
    assert house.pipe.take() == b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n'
    house.send(asks("/v1/slow"))
    house.lane.waiting[1](Answer(200, (), b""))
    assert house.pipe.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


async def test_a_client_that_left_is_not_answered(house: House) -> None:
    """The answer that comes late goes nowhere, and nothing breaks."""
    house.send(asks("/v1/slow"))
    house.connection.connection_lost(None)
    house.lane.waiting[0](SLOW)
    assert house.pipe.written == b""
    assert len(house.deadlines) == 0
    assert house.state.connections == set()


async def test_a_stop_waits_for_the_lane(house: House) -> None:
    """Asked to shut down with a request in flight, the connection answers it, says so, and closes."""
    house.send(asks("/v1/slow"))
    house.connection.shutdown()
    assert not house.pipe.closing
    house.lane.waiting[0](SLOW)
    assert b"connection: close\r\n\r\nslow" in house.pipe.written
    assert house.pipe.closing


async def test_a_stop_closes_what_idles(house: House) -> None:
    """With nothing in flight it closes at once."""
    house.send(asks("/v1/quick"))
    house.connection.shutdown()
    assert house.pipe.closing


@pytest.mark.parametrize(
    ("before", "at_once"), [(b"", True), (asks("/v1/quick"), True), (asks("/v1/slow"), False)]
)
async def test_what_is_no_request_is_told_in_its_turn(house: House, before: bytes, at_once: bool) -> None:
    """A 400 never overtakes an answer that is still to come, and is the last thing said."""
    house.send(before + b"\0\r\n\r\n", b"more of it")
    assert house.pipe.closing is at_once
    if not at_once:
        assert house.pipe.written == b""
        house.lane.waiting[0](SLOW)
    assert house.statuses() == [200, 400][not before :]
    assert b'"type":"/problems/malformed-body"' in house.pipe.written
    assert house.pipe.closing


async def test_a_body_that_breaks_off_behind_another_request(house: House) -> None:
    """The one before is answered, then the broken one with 400; it never reaches its route."""
    broken = asks("/v1/other", "transfer-encoding: chunked", body="zz\r\n")
    house.send(asks("/v1/slow") + broken)
    assert house.pipe.written == b""
    house.lane.waiting[0](SLOW)
    assert house.statuses() == [200, 400]
    assert house.pipe.closing
    assert not house.state.tasks


async def test_a_body_that_breaks_off_after_its_answer(house: House) -> None:
    """A request that was answered before it was whole is not answered twice."""
    house.send(request("POST /early", "transfer-encoding: chunked"), b"1\r\nx\r\n")
    await house.settled()
    house.send(b"zz\r\n")
    assert house.statuses() == [413]
    assert house.pipe.closing


async def test_headers_are_counted_as_what_they_are(house: House) -> None:
    """The bound is on a request's own headers, whatever else came in the same segment."""
    house.send(
        b"".join(asks("/v1/quick", body="x" * 900) for _ in range(5)) + b"GET /v1/quick HT", b"TP/1.1\r\n\r\n"
    )
    await until(lambda: len(house.bodies) == 6)
    assert set(house.statuses()) == {200}


@pytest.mark.parametrize("cut", [1, 50, 900, 1100])
async def test_headers_are_bounded(house: House, cut: int) -> None:
    """Too many are refused wherever they are cut, and the request reaches nobody."""
    sent = asks("/v1/quick", "x: " + "a" * 1000)
    house.send(sent[:cut], sent[cut:])
    assert house.statuses() == [400]
    assert house.lane.requests == []
    assert house.pipe.closing


async def test_headers_that_never_end_are_bounded(house: House) -> None:
    """A header that grows is refused once it is too long, not when it is complete."""
    house.send(b"GET / HTTP/1.1\r\nx: ", *[b"a" * 100] * 9)
    assert house.statuses() == []
    house.send(b"a" * 200)
    assert house.statuses() == [400]


async def test_each_part_of_a_request_has_its_deadline(house: House) -> None:
    """Headers 10 s, the body 30 s, our answer none, silence 75 s, and again."""
    sent = asks("/v1/slow", body="hello")
    for number in range(2):
        assert house.left_s == (10 if number == 0 else 75)
        house.send(sent[:9])
        assert house.left_s == 10
        house.send(sent[9:-2])
        assert house.left_s == 30
        house.send(sent[-2:])
        assert house.connection.deadline == math.inf
        house.lane.waiting[number](SLOW)
        assert house.left_s == 75


async def test_a_route_has_the_same_deadlines(house: House) -> None:
    """On the ordinary way too, and where the answer came before the end of the body."""
    sent = asks("/x", body="hello")
    house.send(sent[:-2])
    assert house.left_s == 30
    house.send(sent[-2:])
    assert house.connection.deadline == math.inf
    await house.settled()
    assert house.left_s == 75
    early = asks("/early", body="hello")
    house.send(early[:-2])
    await house.settled()
    house.send(early[-2:])
    assert house.left_s == 75


async def test_the_sweep_closes_what_is_late(house: House) -> None:
    """Past its deadline a connection is cut; one that closes and is not read gets a deadline of its own."""
    late, closing = House(house.deadlines), House(house.deadlines)
    late.connection.deadline = late.connection.loop.time() - 1
    closing.connection.deadline = math.inf
    closing.pipe.closing = True
    await until(lambda: late.pipe.aborted and closing.connection.deadline < math.inf)
    assert not house.pipe.aborted
    assert 3 <= closing.left_s <= 5
    for one in (house, late, closing):
        one.connection.connection_lost(None)
    await until(lambda: house.deadlines._timer is None)


async def test_a_socket_is_handed_over_with_what_came_behind(house: House) -> None:
    """The lane takes the transport, stays among the server's connections, and no deadline watches it."""
    house.send(handshake(path="/v1/taken") + b"rest")
    assert house.sockets.rest == b"rest"
    assert list(house.state.connections) == [house.sockets]
    assert len(house.deadlines) == 0


async def test_a_socket_that_no_lane_takes_is_uvicorns(house: House) -> None:
    """The ordinary way gets the handshake."""
    house.send(handshake(path="/v1/other"))
    assert house.sockets.rest is None
    assert isinstance(house.pipe.protocol, SocketProtocol)
    house.pipe.protocol.connection_lost(None)
    await house.settled()


@pytest.mark.parametrize(
    "sent",
    [
        handshake(method="POST", path="/v1/taken"),
        handshake(version="HTTP/1.0", path="/v1/taken"),
        handshake("content-length: 4", path="/v1/taken") + b"body",
        handshake("transfer-encoding: chunked", path="/v1/taken") + b"0\r\n\r\n",
        request("CONNECT polls.example:443"),
    ],
)
async def test_what_is_no_handshake_is_refused(house: House, sent: bytes) -> None:
    """RFC 6455 has a handshake as a bare GET of HTTP/1.1; and this is no proxy."""
    house.send(sent)
    assert house.statuses() == [400]
    assert house.sockets.rest is None
    assert house.pipe.closing


async def test_a_socket_waits_for_no_answer(house: House) -> None:
    """A handshake behind a request in flight is refused once that is answered."""
    house.send(asks("/v1/slow") + handshake(path="/v1/taken"))
    assert house.pipe.written == b""
    house.lane.waiting[0](SLOW)
    assert house.statuses() == [200, 400]
    assert house.sockets.rest is None


H2C = ("upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")


@pytest.mark.parametrize("cut", [None, -1, -5, -30])
async def test_an_upgrade_that_is_ignored_loses_nothing(house: House, cut: int | None) -> None:
    """A request that offers another protocol is dealt with as if it had not, its body included."""
    sent = asks("/v1/quick", "connection: Upgrade, HTTP2-Settings", *H2C, body="hello")
    house.send(*([sent] if cut is None else [sent[:cut], sent[cut:]]))
    assert [one.body for one in house.lane.requests] == [b"hello"]
    assert b"upgrade" not in house.lane.requests[0].headers
    house.send(asks("/v1/quick"))
    assert house.statuses() == [200, 200]


@pytest.mark.parametrize(
    ("version", "connection"),
    [("HTTP/1.1", "close, Upgrade"), ("HTTP/1.0", "Upgrade"), ("HTTP/1.1", "Upgrade,close")],
)
async def test_an_upgrade_that_is_ignored_keeps_its_manners(
    house: House, version: str, connection: str
) -> None:
    """Who asked for the connection to end, or speaks HTTP/1.0, still does."""
    house.send(asks("/v1/quick", f"connection: {connection}", *H2C, body="hello", version=version))
    await house.settled()
    assert b"connection: close" in house.pipe.written
    assert house.bodies == [b"200 POST /v1/quick hello"]
    assert house.pipe.closing


async def test_half_a_request_reaches_nobody(house: House) -> None:
    """A client that leaves in the middle of its body has asked nothing."""
    house.send(asks("/v1/quick", body="hello")[:-1])
    house.connection.connection_lost(ConnectionResetError())
    assert house.lane.requests == []
    assert isinstance(house.connection.deadline, float)


def test_every_protocol_class_has_its_own_lanes() -> None:
    """Two services in one process do not share what they answer."""
    lanes: list[Callable[[], Lane]] = [Lane, Lane]
    classes = [protocol_with([lane()], None, Deadlines()) for lane in lanes]
    assert classes[0].lanes != classes[1].lanes
    assert asyncio.Protocol in classes[0].__mro__
