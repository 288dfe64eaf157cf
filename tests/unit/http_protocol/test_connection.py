"""Which way requests go, and in which order they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, make_protocol_class
from pollwire_server.problem_details import HttpResponse

from tests.http_corpus.case import request
from tests.unit.http_protocol.fake_connection import SLOW, House, Lane, asks
from tests.wait import until


async def test_a_lane_gets_the_whole_request(house: House) -> None:
    """Method, address as sent, headers in lower case, and the body however it was cut."""
    house.send(asks("/v1/quick", "X-Some: Thing", body="hel"))
    house.send(request("POST /v1/quick", "content-length: 5"), b"h", b"el", b"lo")
    first, second = house.lane.requests
    assert (first.head.method, first.head.url, first.body, first.secure) == (
        b"POST",
        b"/v1/quick",
        b"hel",
        False,
    )
    assert first.head.headers[b"x-some"] == b"Thing"
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
    house.lane.waiting[0](HttpResponse(304, ((b"etag", b'"x"'),), b""))
    nosniff = b"x-content-type-options: nosniff\r\n"
    assert house.pipe.take() == b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n%b\r\n' % nosniff
    house.send(asks("/v1/slow"))
    house.lane.waiting[1](HttpResponse(200, (), b""))
    assert house.pipe.take() == b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\n\r\n" % nosniff


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


async def test_half_a_request_reaches_nobody(house: House) -> None:
    """A client that leaves in the middle of its body has asked nothing."""
    house.send(asks("/v1/quick", body="hello")[:-1])
    house.connection.connection_lost(ConnectionResetError())
    assert house.lane.requests == []
    assert isinstance(house.connection.deadline, float)


def test_every_protocol_class_has_its_own_lanes() -> None:
    """Two services in one process do not share what they answer."""
    lanes: list[Callable[[], Lane]] = [Lane, Lane]
    classes = [make_protocol_class([lane()], None, ConnectionTimeouts()) for lane in lanes]
    assert classes[0].lanes != classes[1].lanes
    assert asyncio.Protocol in classes[0].__mro__
