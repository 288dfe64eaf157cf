"""How connections end: by a stop, by a poll that is deleted, by a reader who is silent or says goodbye."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, GuardedWebSocketProtocol, make_protocol_class
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.server import create_server, listening

from tests.http_corpus.case import vote
from tests.http_corpus.handshakes import CLOSE, PONG, handshake, say
from tests.http_corpus.raw_client import WITHIN_S, Talk, masked, talk
from tests.http_corpus.servers import ADMIN_KEY
from tests.http_corpus.short_timeouts import Deaf, Quick, opened, quick
from tests.valkey import Valkey
from tests.wait import until


async def said(connection: Talk) -> Any:  # Any: JSON, or the code of a close
    """The next message, or the code that the server closes with."""
    async with asyncio.timeout(WITHIN_S):
        frame = await connection.frame()
    if frame is None:
        return None
    return int.from_bytes(frame[1][:2], "big") if frame[0] == CLOSE else json.loads(frame[1] or b"null")


async def test_a_vote_in_flight_is_answered_before_a_stop(own_valkey: Valkey) -> None:
    """A server that stops answers the votes that it has taken, and closes their connections with that."""
    async with quick(own_valkey.url) as service, talk(service.port) as voter, talk(service.port) as idle:
        await idle.send([vote("")])
        await idle.answer()
        with own_valkey.paused():
            await voter.send([vote("")])
            service.server.should_exit = True
            assert await idle.answer() is None  # so the stop is under way
        answer = await voter.answer()
        assert answer is not None
        assert (answer.status, dict(answer.headers)["connection"]) == (200, "close")
        assert await voter.answer() is None


async def test_a_planned_stop_tells_readers_when_to_come_back(valkey: Valkey) -> None:
    """Each hears ``reconnect`` with a time of its own, then 1012; then the drain is over."""
    async with quick(valkey.url) as service, opened(service) as one, opened(service, "/v1/live") as other:
        await said(one)
        draining = asyncio.create_task(service.wiring.drain(900))
        messages = [await said(one), await said(other)]
        assert [message["type"] for message in messages] == ["reconnect"] * 2
        assert sorted(message["after_ms"] for message in messages) == [450, 900]
        assert [await said(one), await said(other)] == [1012, 1012]
        await asyncio.wait_for(draining, 1)
        await one.send([masked(CLOSE, (1012).to_bytes(2, "big"))])
        assert await said(one) is None


async def test_a_sudden_stop_closes_with_1012(valkey: Valkey) -> None:
    """A server that stops without a drain still says why."""
    async with quick(valkey.url) as service, opened(service) as reader:
        await said(reader)
        service.server.should_exit = True
        assert await said(reader) == 1012
        assert await said(reader) is None


async def test_a_deleted_poll_ends_its_socket_alone(valkey: Valkey) -> None:
    """A problem with 404 on both, 4404 on the poll's own; the socket of many lives on."""
    async with quick(valkey.url) as service, opened(service) as own, opened(service, "/v1/live") as many:
        await said(own)
        await many.send([say(watch=["lunch"])])
        await said(many)
        await delete(service, "lunch")
        for reader in (own, many):
            problem = await said(reader)
            assert (problem["type"], problem["status"], problem["poll"]) == ("problem", 404, "lunch")
        assert await said(own) == 4404
        await many.send([masked(9, b"1")])
        assert await said(many) == 1


async def delete(service: Quick, poll: str) -> None:
    """As an operator does."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as http:
        key = {"Authorization": f"Bearer {ADMIN_KEY}"}
        answer = await http.request("DELETE", f"/v1/admin/polls/{poll}", json={"confirm": poll}, headers=key)
        assert answer.is_success, answer.text


async def test_silence_is_broken_by_heartbeats_and_pings(valkey: Valkey) -> None:
    """A quiet reader hears heartbeats and is pinged; one that answers stays, one that does not is cut."""
    pace = StreamTimeouts(heartbeat_s=0.2, ping_s=0.3, check_s=0.1)
    async with quick(valkey.url, pace=pace) as service, opened(service) as alive, opened(service) as silent:
        await said(alive)
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


async def test_a_pong_in_two_halves_is_heard(valkey: Valkey) -> None:
    """The short way for pongs takes whole ones only."""
    async with quick(valkey.url) as service, opened(service, "/v1/live") as reader:
        pong = masked(PONG, b"")
        await reader.send([pong[:3], pong[3:], say(watch=["lunch"])])
        assert (await said(reader))["poll"] == "lunch"


@pytest.mark.parametrize("behind", [masked(CLOSE, b"\x03\xe8"), b"\x81\x00"])
async def test_who_asks_and_leaves_at_once_watches_nothing(valkey: Valkey, behind: bytes) -> None:
    """What stands before a goodbye, or before a break of protocol, begins nothing that nobody would end."""
    async with quick(valkey.url) as service:
        for path in ("/v1/live", "/v1/polls/lunch/live"):
            async with talk(service.port) as reader:
                await reader.send([handshake(path=path) + say(watch=["lunch"]) + behind])
                await reader.answer()
                while await reader.frame() is not None:
                    pass
        await until(lambda: not service.sockets)
        assert (service.wiring.hub.streams, service.wiring.hub.watched) == (0, [])


async def test_a_socket_that_ends_while_it_hears_watches_nothing_more(own_valkey: Valkey) -> None:
    """A message that waits for the store when the stop comes does not begin to watch afterwards."""
    async with quick(own_valkey.url, other={"results": "after_vote"}) as service:
        async with opened(service, "/v1/live") as reader:
            with own_valkey.paused():
                await reader.send([say(watch=["nowhere", "lunch"])])
                await until(lambda: service.wiring.hub.watched == ["lunch"])
                await service.wiring.drain(1)
                assert service.wiring.hub.watched == []
        await until(lambda: not service.sockets)
        assert (service.wiring.hub.streams, service.wiring.hub.watched) == (0, [])


async def test_what_clients_do_wrong_is_no_error_of_ours(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused handshakes, broken frames and broken requests leave no line in the log."""
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
    async with quick(valkey.url) as service:
        for one in sent:
            async with talk(service.port) as client:
                await client.send([one])
                await client.answer()
        await until(lambda: len(service.deadlines) == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


class _Impatient(GuardedWebSocketProtocol):
    linger_s = 0.1


async def test_the_route_does_not_wait_for_ever_either() -> None:
    """A socket on the ordinary way whose reader reads nothing is gone soon after its stream has ended."""

    async def talkative(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI types them
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * 10_000_000})

    listener = listening("127.0.0.1", 0)
    server = create_server(talkative, http=make_protocol_class((), None, ConnectionTimeouts()))
    server.config.ws = _Impatient
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 5)
    try:
        async with Deaf(listener.getsockname()[1]) as client:
            await client.send(handshake())
            await until(lambda: len(server.server_state.connections) == 1)
            await until(lambda: not server.server_state.connections)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()
