"""How long each part of a request may take, and how long its headers may be."""

from __future__ import annotations

import math

import pytest

from tests.unit.http_protocol.fake_connection import SLOW, House, asks
from tests.wait import until


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
