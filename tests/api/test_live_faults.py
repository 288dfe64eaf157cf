"""Streams while things go wrong: the store dies, readers are silent or slow, the service stops."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send
from pollwire_server.app import ServiceContainer, build
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.routes import handlers
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.server import address_of, create_server, listening
from pollwire_server.settings import Settings
from pollwire_server.store import open_store
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Service, serving
from tests.api.streams import apart_from_time, events_at, live, results, socket_at
from tests.valkey import Valkey
from tests.wait import until


@pytest_asyncio.fixture(loop_scope="session")
async def own_service(own_valkey: Valkey) -> AsyncIterator[Service]:
    """A service over a store that may be harmed."""
    store = await open_store(own_valkey.url, namespace="faults")
    async with serving(store, own_valkey.url) as service:
        yield service
    await store.close()


async def voted(service: Service, poll: str, choice: str, token: str) -> None:
    """Votes until the store has it; a refusal for its absence may be retried."""

    async def counts() -> bool:
        return (await service.vote(poll, choice, token)).status_code == 200

    await until(counts)


async def test_sockets_outlast_the_store(own_service: Service, own_valkey: Valkey) -> None:
    """Readers keep their sockets while the store is killed and restarted, and end on the truth."""
    service = own_service
    poll, other = await service.create_poll(), await service.create_poll()
    tokens = [await service.voter() for _ in range(3)]
    async with (
        socket_at(service, live(poll)) as socket,
        socket_at(service, "/v1/live") as many,
        events_at(service, f"/v1/polls/{poll['id']}/events") as events,
    ):
        await many.say(watch=[poll["id"], other["id"]])
        await many.results()
        await many.results()
        for reader in (socket, events):
            await reader.results()
        await service.vote(poll["id"], "rice", tokens[0])
        for reader in (socket, many, events):
            assert (await reader.results())["voters"] == 1
        own_valkey.kill()
        own_valkey.restart()
        for token in tokens[1:]:
            await voted(service, poll["id"], "yam", token)
        for reader in (socket, many, events):
            await reader.until(lambda said: said["voters"] == 3)
            assert apart_from_time(reader.messages[-1]) == apart_from_time(await results(service, poll))


async def test_readers_who_come_while_the_store_is_away(own_service: Service, own_valkey: Valkey) -> None:
    """A poll that is known is joined at once and shown when the store is back; an unknown one is 503."""
    service = own_service
    poll = await service.create_poll()
    await results(service, poll)
    own_valkey.kill()
    async with socket_at(service, live(poll)) as socket:
        first = asyncio.create_task(socket.results())
        with pytest.raises(InvalidStatus) as refusal:
            async with socket_at(service, "/v1/polls/nowhere/live"):
                pass
        response = refusal.value.response
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert json.loads(response.body or b"")["type"] == "/problems/store-unavailable"
        read = await service.http.get(f"/v1/polls/{poll['id']}/results")
        assert (read.status_code, read.headers["retry-after"]) == (503, "1")
        assert not first.done()
        own_valkey.restart()
        assert (await first)["poll"] == poll["id"]


async def test_an_emptied_store_ends_its_polls_streams(own_service: Service) -> None:
    """Polls that were lost with their store are told as gone, with 4404."""
    service = own_service
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.store.connection.command("FLUSHALL")
        assert (await socket.next())["status"] == 404
        assert await socket.close_code() == 4404


@asynccontextmanager
async def served(service: Service, app: Any) -> AsyncIterator[Service]:
    """``service`` with another application in front of its store."""
    listener = listening("127.0.0.1", 0)
    server = create_server(app)
    serving_task = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 5)
    url = address_of(listener)
    try:
        async with httpx.AsyncClient(base_url=url) as http:
            yield replace(service, url=url, http=http)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving_task, return_exceptions=True)
        listener.close()


def wired(service: Service) -> ServiceContainer:
    """Another process's worth of the service, over the same store."""
    return build(service.settings, service.store)


def hurried(wiring: ServiceContainer, settings: Settings, pace: StreamTimeouts) -> ASGIApp:
    """The readers' door with deadlines of a test's patience."""
    live = LiveContext(wiring.door, wiring.feed, wiring.hub, pace)
    routes = handlers(live, ResultResponses(wiring.door, OriginPolicy(settings), results_max_age_s=0))
    framework = Litestar(routes, openapi_config=None, logging_config=None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            wiring.clients.attach_to_scope(scope)  # as the edge does
        await framework(scope, receive, send)

    return app


async def test_silence_is_broken_by_heartbeats(service: Service) -> None:
    """A socket says heartbeat, an event stream sends a comment, again and again."""
    poll = await service.create_poll()
    app = hurried(wired(service), service.settings, StreamTimeouts(heartbeat_s=0.05))
    async with served(service, app) as quick:
        async with socket_at(quick, live(poll)) as socket:
            await socket.results()
            assert [await socket.next() for _ in range(3)] == [{"type": "heartbeat"}] * 3
        async with events_at(quick, f"/v1/polls/{poll['id']}/events") as events:
            await events.results()
            listening_on = asyncio.create_task(events.next())
            await until(lambda: events.comments >= 3)
            listening_on.cancel()
            await asyncio.gather(listening_on, return_exceptions=True)


async def test_a_reader_who_takes_nothing_is_closed(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader who does not read until after the deadline finds the socket closed with 4408."""
    options = [{"id": f"{place:02}-{'x' * 60}", "label": "x"} for place in range(50)]
    polls = [(await service.create_poll(options=options))["id"] for _ in range(40)]
    app = hurried(wired(service), service.settings, StreamTimeouts(slow_s=0.2, last_words_s=30))
    async with served(service, app) as quick, socket_at(quick, "/v1/live", max_queue=1) as socket:
        await socket.say(watch=polls)
        await socket.results()
        socket.connection.transport.pause_reading()

        async def is_stuck() -> bool:
            await socket.say(watch=polls)
            return "took nothing" in caplog.text

        caplog.set_level(logging.DEBUG, "pollwire.live")
        await until(is_stuck, within_s=20)
        socket.connection.transport.resume_reading()
        assert await socket.close_code() == 4408


async def test_a_planned_stop_tells_every_reader_when_to_come_back(service: Service) -> None:
    """Readers hear ``reconnect``, each with a time of their own, then 1012; new ones are sent elsewhere."""
    poll = await service.create_poll()
    wiring = wired(service)
    async with served(service, wiring.app) as stopping:
        async with (
            socket_at(stopping, live(poll)) as first,
            socket_at(stopping, "/v1/live") as second,
            events_at(stopping, f"/v1/polls/{poll['id']}/events") as events,
        ):
            await first.results()
            await events.results()
            await second.say(watch=[poll["id"]])
            await second.results()
            draining = asyncio.create_task(wiring.drain(900))
            said = [await reader.next() for reader in (first, second, events)]
            assert {message["type"] for message in said} == {"reconnect"}
            assert sorted(message["after_ms"] for message in said) == [300, 600, 900]
            assert await first.close_code() == await second.close_code() == 1012
            with pytest.raises(EOFError):
                await events.next()
            assert events.retry_ms == said[2]["after_ms"]
            await asyncio.wait_for(draining, 2)
        for path in (live(poll), "/v1/live"):
            with pytest.raises(InvalidStatus) as refusal:
                async with socket_at(stopping, path):
                    pass
            assert refusal.value.response.status_code == 503


async def test_streams_that_end_leave_nothing_behind(service: Service) -> None:
    """Whoever leaves, by whatever channel and however rudely, is forgotten by hub and feed."""
    poll = await service.create_poll()
    wiring = wired(service)
    async with served(service, wiring.app) as other:
        async with (
            socket_at(other, live(poll)) as socket,
            events_at(other, f"/v1/events?poll={poll['id']}") as events,
        ):
            await socket.results()
            await events.results()
            assert wiring.hub.streams == 2
        async with socket_at(other, live(poll)) as socket:
            await socket.results()
            socket.connection.transport.abort()
        await other.http.head(f"/v1/polls/{poll['id']}/events")
        await until(lambda: wiring.hub.streams == 0 and not wiring.hub.watched)
        assert wiring.feed._watched == {}
