"""What a segment may hold ten thousand of, and what is made of it before others are served."""

from __future__ import annotations

from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits

from tests.http_corpus.case import request
from tests.unit.http_protocol.fake_connection import SLOW, House, asks
from tests.wait import until

WAITING = 3
PARTS = 20
LIMITS = HttpLimits(waiting=WAITING, parts=PARTS, header_bytes=200)
CHUNKED = "transfer-encoding: chunked"


async def test_so_many_requests_wait_and_no_more() -> None:
    """Of a pipeline without end the first are answered, then it is told to be too long, and closed."""
    house = House(ConnectionTimeouts(LIMITS))
    house.send(asks("/v1/slow") + asks("/v1/other") * 10_000, asks("/v1/other") * 10_000)
    assert len(house.connection.pipeline) == WAITING
    house.lane.waiting[0](SLOW)
    await until(lambda: house.pipe.closing)
    assert house.statuses() == [200] * (1 + WAITING) + [400]
    assert b"At most 3 requests may wait" in house.pipe.written


async def test_lanes_take_so_many_of_a_segment() -> None:
    """Requests that a lane answers at once are bounded as well, since all of them are answered in one go."""
    house = House(ConnectionTimeouts(LIMITS))
    house.send(asks("/v1/quick") * 10_000)
    assert len(house.lane.requests) == WAITING
    await until(lambda: house.pipe.closing)
    assert house.statuses() == [200] * (2 * WAITING + 1) + [400]


async def test_segment_after_segment_is_answered() -> None:
    """Whoever waits for answers may ask on and on."""
    house = House(ConnectionTimeouts(LIMITS))
    for _ in range(20):
        house.send(asks("/v1/quick") * WAITING)
    assert house.statuses() == [200] * 20 * WAITING


async def test_a_body_comes_in_so_many_parts() -> None:
    """Chunks of a byte are refused when they are too many, and before that they are a body."""
    house = House(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    house.send(head, b"1\r\nx\r\n" * PARTS + b"0\r\n\r\n")
    await house.settled()
    assert house.bodies == [b"200 POST /v1/other " + b"x" * PARTS]
    house.send(head, b"1\r\nx\r\n" * 10_000)
    assert house.statuses() == [200, 400]
    assert house.pipe.closing


async def test_the_rest_of_a_body_that_was_answered_comes_in_so_many_parts() -> None:
    """Nobody reads it, and yet each chunk would cost a call."""
    house = House(ConnectionTimeouts(LIMITS))
    house.send(request("POST /early", CHUNKED), b"1\r\nx\r\n")
    await house.settled()
    house.send(b"1\r\nx\r\n" * 10_000)
    assert house.statuses() == [413]
    assert house.pipe.closing


async def test_headers_behind_a_body_mean_nothing_and_are_bounded() -> None:
    """A trailer is no header of the request (RFC 9112, 7.1.2), and trailers without end are refused."""
    house = House(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    house.send(head + b"1\r\nx\r\n0\r\nauthorization: Bearer y\r\n\r\n")
    assert [name for name, _ in house.connection.cycle.scope["headers"]] == [b"host", b"transfer-encoding"]
    await house.settled()
    assert house.statuses() == [200]
    house.send(head, b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 10_000)
    assert house.statuses() == [200, 400]
    assert house.pipe.closing


async def test_what_is_said_about_a_chunk_is_bounded() -> None:
    """Extensions of a chunk that never end are refused; between parts there may be some."""
    house = House(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    house.send(head, *[b"1;" + b"a" * 90, b"a" * 90 + b"\r\nx\r\n"] * 5, b"0\r\n\r\n")
    await house.settled()
    assert house.bodies == [b"200 POST /v1/other xxxxx"]
    house.send(head, b"1;", *[b"a" * 90] * 3)
    assert house.statuses() == [200, 400]
    assert house.pipe.closing
