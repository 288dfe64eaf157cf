"""The choice between fast path and ASGI path, the order of responses, and upgrades."""

from __future__ import annotations

import asyncio
import math

import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, GuardedWebSocketProtocol, make_protocol_class
from pollwire_server.problem_details import HttpResponse

from tests.http_corpus.case import request
from tests.http_corpus.handshakes import handshake
from tests.unit.http_protocol.fake_connection import SLOW, ConnectionHarness, FakeRouter, post
from tests.wait import until


async def test_fast_path_request_is_complete_however_it_is_split(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/quick", "X-Some: Thing", body="hel"))
    harness.send(request("POST /v1/quick", "content-length: 5"), b"h", b"el", b"lo")
    first, second = harness.router.requests
    assert (first.head.method, first.head.url, first.body, first.secure) == (
        b"POST",
        b"/v1/quick",
        b"hel",
        False,
    )
    assert first.head.headers[b"x-some"] == b"Thing"
    assert second.body == b"hello"
    assert harness.bodies == [b"200 quick", b"200 quick"]
    assert harness.state.total_requests == 2


@pytest.mark.parametrize(
    "sent",
    [
        post("/v1/quick", "connection: close"),
        post("/v1/quick", version="HTTP/1.0"),
        post("/v1/quick", "x: 1", "x: 2"),
        post("/v1/quick", "transfer-encoding: chunked", body="0\r\n\r\n"),
        post("/v1/quick", "expect: 100-continue"),
        post("/v1/quick", body="x" * 16385),
        post("/elsewhere"),
        post("/v1/unknown"),
    ],
    ids=["close", "HTTP/1.0", "repeated header", "chunked", "expect", "long body", "other path", "no route"],
)
async def test_ineligible_request_takes_asgi_path(harness: ConnectionHarness, sent: bytes) -> None:
    harness.send(sent)
    await harness.wait_for_asgi()
    assert harness.router.requests == []
    assert b"x-by: asgi" in harness.pipe.written


async def test_client_that_does_not_read_takes_asgi_path(harness: ConnectionHarness) -> None:
    """Only the ASGI path waits until the transport is writable."""
    harness.connection.pause_writing()
    harness.send(post("/v1/quick"))
    assert harness.router.requests == []
    harness.connection.resume_writing()
    await harness.wait_for_asgi()


async def test_pipelined_responses_keep_the_order_of_requests(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/slow") + post("/v1/quick") + post("/v1/other", body="x"))
    assert harness.bodies == []
    assert harness.pipe.paused
    harness.router.waiting[0](SLOW)
    await until(lambda: len(harness.bodies) == 3)
    assert harness.bodies == [b"200 slow", b"200 POST /v1/quick ", b"200 POST /v1/other x"]
    harness.send(post("/v1/quick"))
    assert harness.bodies[3] == b"200 quick"


async def test_failing_handler_sends_one_problem_response_and_keeps_connection(
    harness: ConnectionHarness,
) -> None:
    harness.send(post("/v1/failing"))
    harness.send(post("/v1/failing_late"))
    harness.send(post("/v1/quick"))
    assert harness.statuses() == [404, 200, 200]
    assert b'"instance":"/v1/failing"' in harness.bodies[0]


async def test_status_304_has_no_content_length(harness: ConnectionHarness) -> None:
    """RFC 9110, 8.6."""
    harness.send(post("/v1/slow"))
    harness.router.waiting[0](HttpResponse(304, ((b"etag", b'"x"'),), b""))
    nosniff = b"x-content-type-options: nosniff\r\n"
    assert harness.pipe.pop_written() == b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n%b\r\n' % nosniff
    harness.send(post("/v1/slow"))
    harness.router.waiting[1](HttpResponse(200, (), b""))
    assert harness.pipe.pop_written() == b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\n\r\n" % nosniff


async def test_response_after_disconnect_is_dropped(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/slow"))
    harness.connection.connection_lost(None)
    harness.router.waiting[0](SLOW)
    assert harness.pipe.written == b""
    assert len(harness.timeouts) == 0
    assert harness.state.connections == set()


async def test_shutdown_waits_for_fast_path_response(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/slow"))
    harness.connection.shutdown()
    assert not harness.pipe.closing
    harness.router.waiting[0](SLOW)
    assert b"connection: close\r\n\r\nslow" in harness.pipe.written
    assert harness.pipe.closing


async def test_shutdown_closes_idle_connection_at_once(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/quick"))
    harness.connection.shutdown()
    assert harness.pipe.closing


@pytest.mark.parametrize(
    ("before", "at_once"),
    [(b"", True), (post("/v1/quick"), True), (post("/v1/slow"), False)],
    ids=["first request", "after response", "request in flight"],
)
async def test_invalid_request_gets_400_after_earlier_responses(
    harness: ConnectionHarness, before: bytes, at_once: bool
) -> None:
    harness.send(before + b"\0\r\n\r\n", b"more of it")
    assert harness.pipe.closing is at_once
    if not at_once:
        assert harness.pipe.written == b""
        harness.router.waiting[0](SLOW)
    assert harness.statuses() == [200, 400][not before :]
    assert b'"type":"/problems/malformed-body"' in harness.pipe.written
    assert harness.pipe.closing


async def test_invalid_body_of_pipelined_request_gets_400_and_never_reaches_app(
    harness: ConnectionHarness,
) -> None:
    broken = post("/v1/other", "transfer-encoding: chunked", body="zz\r\n")
    harness.send(post("/v1/slow") + broken)
    assert harness.pipe.written == b""
    harness.router.waiting[0](SLOW)
    assert harness.statuses() == [200, 400]
    assert harness.pipe.closing
    assert not harness.state.tasks


async def test_invalid_body_after_response_closes_without_second_response(harness: ConnectionHarness) -> None:
    harness.send(request("POST /early", "transfer-encoding: chunked"), b"1\r\nx\r\n")
    await harness.wait_for_asgi()
    harness.send(b"zz\r\n")
    assert harness.statuses() == [413]
    assert harness.pipe.closing


async def test_request_with_incomplete_body_reaches_no_handler(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/quick", body="hello")[:-1])
    harness.connection.connection_lost(ConnectionResetError())
    assert harness.router.requests == []
    assert isinstance(harness.connection.deadline, float)


def test_protocol_classes_of_two_services_do_not_share_state() -> None:
    classes = [make_protocol_class([FakeRouter()], None, ConnectionTimeouts()) for _ in range(2)]
    assert classes[0].routers != classes[1].routers
    assert classes[0].head_cache is not classes[1].head_cache
    assert asyncio.Protocol in classes[0].__mro__


async def test_accepted_websocket_is_registered_and_gets_the_remaining_bytes(
    harness: ConnectionHarness,
) -> None:
    harness.send(handshake(path="/v1/taken") + b"rest")
    assert harness.acceptor.rest == b"rest"
    assert [id(one) for one in harness.state.connections] == [id(harness.acceptor)]
    assert len(harness.timeouts) == 0


async def test_websocket_that_is_not_accepted_takes_asgi_path(harness: ConnectionHarness) -> None:
    harness.send(handshake(path="/v1/other"))
    assert harness.acceptor.rest is None
    assert isinstance(harness.pipe.protocol, GuardedWebSocketProtocol)
    harness.pipe.protocol.connection_lost(None)
    await harness.wait_for_asgi()


@pytest.mark.parametrize(
    "sent",
    [
        handshake(method="POST", path="/v1/taken"),
        handshake("content-length: 4", path="/v1/taken") + b"body",
        handshake("transfer-encoding: chunked", path="/v1/taken") + b"0\r\n\r\n",
        request("CONNECT polls.example:443"),
    ],
    ids=["POST", "body", "chunked body", "CONNECT"],
)
async def test_invalid_handshake_gets_400(harness: ConnectionHarness, sent: bytes) -> None:
    harness.send(sent)
    assert harness.statuses() == [400]
    assert harness.acceptor.rest is None
    assert harness.pipe.closing


async def test_handshake_behind_request_in_flight_gets_400(harness: ConnectionHarness) -> None:
    harness.send(post("/v1/slow") + handshake(path="/v1/taken"))
    assert harness.pipe.written == b""
    harness.router.waiting[0](SLOW)
    assert harness.statuses() == [200, 400]
    assert harness.acceptor.rest is None


H2C = ("upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")


@pytest.mark.parametrize("cut", [None, -1, -5, -30])
async def test_ignored_upgrade_keeps_body_and_connection(harness: ConnectionHarness, cut: int | None) -> None:
    sent = post("/v1/quick", "connection: Upgrade, HTTP2-Settings", *H2C, body="hello")
    harness.send(*([sent] if cut is None else [sent[:cut], sent[cut:]]))
    assert [one.body for one in harness.router.requests] == [b"hello"]
    assert b"upgrade" not in harness.router.requests[0].head.headers
    harness.send(post("/v1/quick"))
    assert harness.statuses() == [200, 200]


async def test_many_pipelined_upgrades_are_limited_like_other_requests(harness: ConnectionHarness) -> None:
    """A recursive call for each would exceed the stack and reset the limit."""
    harness.send(post("/v1/quick", "connection: Upgrade", *H2C, body="hello") * 1_000)
    limit = harness.connection.limits.pipelined_requests
    assert len(harness.router.requests) == limit
    await until(lambda: harness.pipe.closing)
    assert harness.statuses() == [200] * (2 * limit + 1) + [400]
    assert harness.connection.deadline < math.inf


async def test_failed_parser_callback_aborts_the_connection(
    harness: ConnectionHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No response would ever come, so the connection would have no deadline."""
    harness.send(post("/v1/slow"))
    monkeypatch.setattr(harness.connection, "_forward_to_asgi", _fail)
    harness.send(post("/v1/other"))
    assert harness.pipe.aborted
    assert [record.message for record in caplog.records] == ["Connection closed: a parser callback failed"]


def _fail() -> None:
    raise RuntimeError


@pytest.mark.parametrize(
    ("version", "connection"),
    [("HTTP/1.1", "close, Upgrade"), ("HTTP/1.0", "Upgrade"), ("HTTP/1.1", "Upgrade,close")],
)
async def test_ignored_upgrade_closes_connection_if_the_client_asked_for_it(
    harness: ConnectionHarness, version: str, connection: str
) -> None:
    harness.send(post("/v1/quick", f"connection: {connection}", *H2C, body="hello", version=version))
    await harness.wait_for_asgi()
    assert b"connection: close" in harness.pipe.written
    assert harness.bodies == [b"200 POST /v1/quick hello"]
    assert harness.pipe.closing


async def test_client_that_leaves_during_a_write_logs_no_error(
    harness: ConnectionHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop closes the transport while the application waits for the client to read."""
    harness.pipe.full = True
    harness.send(post("/v1/other"))
    await until(lambda: harness.connection.flow.write_paused)
    harness.pipe.closing = True
    monkeypatch.setattr(harness.pipe, "write", _write_to_closed_transport)
    harness.connection.resume_writing()
    await harness.wait_for_asgi()
    assert caplog.records == []


def _write_to_closed_transport(data: bytes) -> None:
    raise RuntimeError("the handler is closed")
