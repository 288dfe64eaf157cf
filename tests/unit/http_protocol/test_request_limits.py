"""Limits on pipelining, body parts, trailers and headers."""

from __future__ import annotations

import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits

from tests.http_corpus.case import request
from tests.unit.http_protocol.fake_connection import SLOW, ConnectionHarness, post
from tests.wait import until

PIPELINED = 3
PARTS = 20
LIMITS = HttpLimits(pipelined_requests=PIPELINED, body_parts=PARTS, header_bytes=200)
CHUNKED = "transfer-encoding: chunked"


async def test_too_many_pipelined_requests_get_400_after_earlier_responses() -> None:
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    harness.send(post("/v1/slow") + post("/v1/other") * 10_000, post("/v1/other") * 10_000)
    assert len(harness.connection.pipeline) == PIPELINED
    harness.router.waiting[0](SLOW)
    await until(lambda: harness.pipe.closing)
    assert harness.statuses() == [200] * (1 + PIPELINED) + [400]
    assert b"At most 3 requests may be pipelined" in harness.pipe.written


async def test_fast_path_requests_of_one_segment_are_limited() -> None:
    """They are answered without a break, during which no other connection is served."""
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    harness.send(post("/v1/quick") * 10_000)
    assert len(harness.router.requests) == PIPELINED
    await until(lambda: harness.pipe.closing)
    assert harness.statuses() == [200] * (2 * PIPELINED + 1) + [400]


async def test_client_that_waits_for_responses_is_not_limited() -> None:
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    for _ in range(20):
        harness.send(post("/v1/quick") * PIPELINED)
    assert harness.statuses() == [200] * 20 * PIPELINED


async def test_body_with_too_many_parts_gets_400() -> None:
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    harness.send(head, b"1\r\nx\r\n" * PARTS + b"0\r\n\r\n")
    await harness.wait_for_asgi()
    assert harness.bodies == [b"200 POST /v1/other " + b"x" * PARTS]
    harness.send(head, b"1\r\nx\r\n" * 10_000)
    assert harness.statuses() == [200, 400]
    assert harness.pipe.closing


async def test_body_parts_after_response_are_limited() -> None:
    """The body is discarded, but each part costs a parser callback."""
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    harness.send(request("POST /early", CHUNKED), b"1\r\nx\r\n")
    await harness.wait_for_asgi()
    harness.send(b"1\r\nx\r\n" * 10_000)
    assert harness.statuses() == [413]
    assert harness.pipe.closing


async def test_trailers_are_dropped_and_limited() -> None:
    """RFC 9112, 7.1.2."""
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    harness.send(head + b"1\r\nx\r\n0\r\nauthorization: Bearer y\r\n\r\n")
    assert [name for name, _ in harness.connection.cycle.scope["headers"]] == [b"host", b"transfer-encoding"]
    await harness.wait_for_asgi()
    assert harness.statuses() == [200]
    harness.send(head, b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 10_000)
    assert harness.statuses() == [200, 400]
    assert harness.pipe.closing


async def test_chunk_extensions_are_limited_between_two_parts() -> None:
    harness = ConnectionHarness(ConnectionTimeouts(LIMITS))
    head = request("POST /v1/other", CHUNKED)
    harness.send(head, *[b"1;" + b"a" * 90, b"a" * 90 + b"\r\nx\r\n"] * 5, b"0\r\n\r\n")
    await harness.wait_for_asgi()
    assert harness.bodies == [b"200 POST /v1/other xxxxx"]
    harness.send(head, b"1;", *[b"a" * 90] * 3)
    assert harness.statuses() == [200, 400]
    assert harness.pipe.closing


async def test_header_limit_ignores_other_data_in_the_same_segment(harness: ConnectionHarness) -> None:
    harness.send(
        b"".join(post("/v1/quick", body="x" * 900) for _ in range(5)) + b"GET /v1/quick HT",
        b"TP/1.1\r\nhost: a\r\n\r\n",
    )
    await until(lambda: len(harness.bodies) == 6)
    assert set(harness.statuses()) == {200}


@pytest.mark.parametrize("cut", [1, 50, 900, 1100])
async def test_long_headers_get_400_wherever_they_are_split(harness: ConnectionHarness, cut: int) -> None:
    sent = post("/v1/quick", "x: " + "a" * 1000)
    harness.send(sent[:cut], sent[cut:])
    assert harness.statuses() == [400]
    assert harness.router.requests == []
    assert harness.pipe.closing


async def test_incomplete_header_gets_400_once_it_is_too_long(harness: ConnectionHarness) -> None:
    harness.send(b"GET / HTTP/1.1\r\nx: ", *[b"a" * 100] * 9)
    assert harness.statuses() == []
    harness.send(b"a" * 200)
    assert harness.statuses() == [400]
