"""Ends of connections: shutdown, deleted polls, silent clients and closed WebSockets."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, GuardedWebSocketProtocol, make_protocol_class
from pollwire_server.live.timeouts import StreamTimeouts
from pollwire_server.server import create_server, open_listener

from tests.http_corpus.case import vote
from tests.http_corpus.handshakes import CLOSE, PONG, client_message, handshake
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, masked, raw_connection
from tests.http_corpus.servers import ADMIN_KEY
from tests.http_corpus.short_timeouts import NonReadingClient, QuickService, opened, quick_service
from tests.valkey import Valkey
from tests.wait import until


async def next_message(connection: RawConnection) -> Any:  # Any: JSON, or the code of a close
    """Return the next message, or the close code of the server."""
    async with asyncio.timeout(WITHIN_S):
        frame = await connection.frame()
    if frame is None:
        return None
    return int.from_bytes(frame[1][:2], "big") if frame[0] == CLOSE else json.loads(frame[1] or b"null")


async def test_vote_in_flight_is_answered_before_shutdown(own_valkey: Valkey) -> None:
    async with (
        quick_service(own_valkey.url) as service,
        raw_connection(service.port) as voter,
        raw_connection(service.port) as idle,
    ):
        await idle.send([vote("")])
        await idle.answer()
        with own_valkey.paused():
            await voter.send([vote("")])
            service.server.should_exit = True
            assert await idle.answer() is None  # so the stop is under target
        answer = await voter.answer()
        assert answer is not None
        assert (answer.status, dict(answer.headers)["connection"]) == (200, "close")
        assert await voter.answer() is None


async def test_drain_sends_reconnect_with_different_delays_then_1012(valkey: Valkey) -> None:
    async with (
        quick_service(valkey.url) as service,
        opened(service) as one,
        opened(service, "/v1/live") as other,
    ):
        await next_message(one)
        draining = asyncio.create_task(service.container.drain(900))
        messages = [await next_message(one), await next_message(other)]
        assert [message["type"] for message in messages] == ["reconnect"] * 2
        assert sorted(message["after_ms"] for message in messages) == [450, 900]
        assert [await next_message(one), await next_message(other)] == [1012, 1012]
        await asyncio.wait_for(draining, 1)
        await one.send([masked(CLOSE, (1012).to_bytes(2, "big"))])
        assert await next_message(one) is None


async def test_shutdown_without_drain_closes_with_1012(valkey: Valkey) -> None:
    async with quick_service(valkey.url) as service, opened(service) as reader:
        await next_message(reader)
        service.server.should_exit = True
        assert await next_message(reader) == 1012
        assert await next_message(reader) is None


async def test_deleted_poll_closes_only_its_own_socket(valkey: Valkey) -> None:
    """Both sockets get a problem with 404. Only the socket of this poll is closed (4404)."""
    async with (
        quick_service(valkey.url) as service,
        opened(service) as own,
        opened(service, "/v1/live") as many,
    ):
        await next_message(own)
        await many.send([client_message(watch=["lunch"])])
        await next_message(many)
        await delete(service, "lunch")
        for reader in (own, many):
            problem = await next_message(reader)
            assert (problem["type"], problem["status"], problem["poll"]) == ("problem", 404, "lunch")
        assert await next_message(own) == 4404
        await many.send([masked(9, b"1")])
        assert await next_message(many) == 1


async def delete(service: QuickService, poll: str) -> None:
    """Delete the poll through the admin API."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as http:
        key = {"Authorization": f"Bearer {ADMIN_KEY}"}
        answer = await http.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll}, headers=key)
        assert answer.is_success, answer.text


async def test_client_that_answers_pings_stays_connected_and_silent_one_is_aborted(valkey: Valkey) -> None:
    stream_timeouts = StreamTimeouts(heartbeat_s=0.2, ping_s=0.3, check_interval_s=0.1)
    async with (
        quick_service(valkey.url, stream_timeouts=stream_timeouts) as service,
        opened(service) as alive,
        opened(service) as silent,
    ):
        await next_message(alive)
        heartbeats = pings = 0
        while pings < 6:
            async with asyncio.timeout(WITHIN_S):
                frame = await alive.frame()
            assert frame is not None
            if frame == (9, b""):
                pings += 1
                await alive.send([masked(PONG, b"")])
            elif json.loads(frame[1])["type"] == "heartbeat":
                heartbeats += 1
        assert heartbeats > 5
        while await silent.frame() is not None:
            pass
        assert len(service.sockets) == 1


async def test_pong_in_two_segments_is_decoded(valkey: Valkey) -> None:
    """The shortcut for pongs handles complete ones only."""
    async with quick_service(valkey.url) as service, opened(service, "/v1/live") as reader:
        pong = masked(PONG, b"")
        await reader.send([pong[:3], pong[3:], client_message(watch=["lunch"])])
        assert (await next_message(reader))["poll"] == "lunch"


@pytest.mark.parametrize("behind", [masked(CLOSE, b"\x03\xe8"), b"\x81\x00"], ids=["close", "protocol error"])
async def test_watch_followed_by_close_leaves_no_subscription(valkey: Valkey, behind: bytes) -> None:
    async with quick_service(valkey.url) as service:
        for path in ("/v1/live", "/v1/polls/lunch/live"):
            async with raw_connection(service.port) as reader:
                await reader.send([handshake(path=path) + client_message(watch=["lunch"]) + behind])
                await reader.answer()
                while await reader.frame() is not None:
                    pass
        await until(lambda: not service.sockets)
        assert (service.container.hub.streams, service.container.hub.watched) == (0, [])


async def test_drain_while_message_waits_for_store_leaves_no_subscription(own_valkey: Valkey) -> None:
    async with quick_service(own_valkey.url, other={"results": "after_vote"}) as service:
        async with opened(service, "/v1/live") as reader:
            with own_valkey.paused():
                await reader.send([client_message(watch=["nowhere", "lunch"])])
                await until(lambda: service.container.hub.watched == ["lunch"])
                await service.container.drain(1)
                assert service.container.hub.watched == []
        await until(lambda: not service.sockets)
        assert (service.container.hub.streams, service.container.hub.watched) == (0, [])


async def test_client_errors_are_not_logged(valkey: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    sent = (
        handshake(path="/v1/polls/nowhere/live"),
        handshake("origin: https://stranger.example"),
        handshake("sec-websocket-key: x"),
        handshake("upgrade: h2c"),
        handshake() + b"\x81\x02{}",
        b"\0\0\r\n\r\n",
        vote("", "content-length: x"),
    )
    async with quick_service(valkey.url) as service:
        for one in sent:
            async with raw_connection(service.port) as client:
                await client.send([one])
                await client.answer()
        await until(lambda: len(service.timeouts) == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


class _ShortLingerProtocol(GuardedWebSocketProtocol):
    linger_s = 0.1


async def test_asgi_websocket_is_aborted_if_client_does_not_read_at_the_end() -> None:

    async def sending_app(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI types them
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * 10_000_000})

    listener = open_listener("127.0.0.1", 0)
    server = create_server(sending_app, http=make_protocol_class((), None, ConnectionTimeouts()))
    server.config.ws = _ShortLingerProtocol
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 5)
    try:
        async with NonReadingClient(listener.getsockname()[1]) as client:
            await client.send(handshake())
            await until(lambda: len(server.server_state.connections) == 1)
            await until(lambda: not server.server_state.connections)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()
