"""Sockets are handed over; what only looks like one is not, and no request is lost by it."""

from __future__ import annotations

import pytest
from pollwire_server.http_protocol import GuardedWebSocketProtocol

from tests.http_corpus.case import request
from tests.http_corpus.handshakes import handshake
from tests.unit.http_protocol.fake_connection import SLOW, House, asks


async def test_a_socket_is_handed_over_with_what_came_behind(house: House) -> None:
    """The lane takes the transport, stays among the server's connections, and no deadline watches it."""
    house.send(handshake(path="/v1/taken") + b"rest")
    assert house.sockets.rest == b"rest"
    assert [id(one) for one in house.state.connections] == [id(house.sockets)]
    assert len(house.deadlines) == 0


async def test_a_socket_that_no_lane_takes_is_uvicorns(house: House) -> None:
    """The ordinary way gets the handshake."""
    house.send(handshake(path="/v1/other"))
    assert house.sockets.rest is None
    assert isinstance(house.pipe.protocol, GuardedWebSocketProtocol)
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
    assert b"upgrade" not in house.lane.requests[0].head.headers
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
