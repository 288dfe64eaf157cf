"""Streams during failures: store outages, silent or slow clients, shutdown."""

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
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.routes import handlers
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.live.timeouts import StreamTimeouts
from pollwire_server.server import create_server, listener_url, open_listener
from pollwire_server.settings import Settings
from pollwire_server.store import open_store
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Service, serving
from tests.api.streams import events_at, live, results, socket_at, without_timestamp
from tests.valkey import Valkey
from tests.wait import until


@pytest_asyncio.fixture(loop_scope="session")
async def own_service(own_valkey: Valkey) -> AsyncIterator[Service]:
    """Return a service with a store that the test may break."""
    store = await open_store(own_valkey.url, namespace="faults")
    async with serving(store, own_valkey.url) as service:
        yield service
    await store.close()


async def vote_until_counted(service: Service, poll: str, choice: str, token: str) -> None:
    """Repeat a vote until it is counted."""

    async def is_counted() -> bool:
        return (await service.vote(poll, choice, token)).status_code == 200

    await until(is_counted)


async def test_sockets_survive_store_restart(own_service: Service, own_valkey: Valkey) -> None:
    service = own_service
    poll, other = await service.create_poll(), await service.create_poll()
    tokens = [await service.voter() for _ in range(3)]
    async with (
        socket_at(service, live(poll)) as socket,
        socket_at(service, "/v1/live") as many,
        events_at(service, f"/v1/polls/{poll['id']}/events") as events,
    ):
        await many.send(watch=[poll["id"], other["id"]])
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
            await vote_until_counted(service, poll["id"], "yam", token)
        for reader in (socket, many, events):
            await reader.until(lambda message: message["voters"] == 3)
            assert without_timestamp(reader.messages[-1]) == without_timestamp(await results(service, poll))


async def test_join_during_store_outage_waits_if_poll_is_cached_else_503(
    own_service: Service, own_valkey: Valkey
) -> None:
    service = own_service
    poll = await service.create_poll()
    await results(service, poll)
    own_valkey.kill()
    async with socket_at(service, live(poll)) as socket:
        first = asyncio.create_task(socket.results())
        with pytest.raises(InvalidStatus) as rejection:
            async with socket_at(service, "/v1/polls/nowhere/live"):
                pass
        response = rejection.value.response
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert json.loads(response.body or b"")["type"] == "/problems/store-unavailable"
        read = await service.http.get(f"/v1/polls/{poll['id']}/results")
        assert (read.status_code, read.headers["retry-after"]) == (503, "1")
        assert not first.done()
        own_valkey.restart()
        assert (await first)["poll"] == poll["id"]


async def test_emptied_store_closes_streams_with_4404(own_service: Service) -> None:
    service = own_service
    poll = await service.create_poll()
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.store.connection.command("FLUSHALL")
        assert (await socket.next())["status"] == 404
        assert await socket.close_code() == 4404


@asynccontextmanager
async def serving_app(service: Service, app: Any) -> AsyncIterator[Service]:
    """Serve another application over the store of ``service``."""
    listener = open_listener("127.0.0.1", 0)
    server = create_server(app)
    serving_task = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 5)
    url = listener_url(listener)
    try:
        async with httpx.AsyncClient(base_url=url) as http:
            yield replace(service, url=url, http=http)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(serving_task, return_exceptions=True)
        listener.close()


def second_instance(service: Service) -> ServiceContainer:
    """Build another instance of the service over the same store."""
    return build(service.settings, service.store)


def app_with_timeouts(container: ServiceContainer, settings: Settings, timeouts: StreamTimeouts) -> ASGIApp:
    """Build the live API with short timeouts."""
    live = LiveContext(container.read_access, container.feed, container.hub, timeouts)
    routes = handlers(live, ResultResponses(container.read_access, results_max_age_s=0))
    framework = Litestar(routes, openapi_config=None, logging_config=None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            container.client_addresses.attach_to_scope(scope)  # as the middleware does
        await framework(scope, receive, send)

    return app


async def test_silence_is_broken_by_heartbeats(service: Service) -> None:
    poll = await service.create_poll()
    app = app_with_timeouts(second_instance(service), service.settings, StreamTimeouts(heartbeat_s=0.05))
    async with serving_app(service, app) as quick:
        async with socket_at(quick, live(poll)) as socket:
            await socket.results()
            assert [await socket.next() for _ in range(3)] == [{"type": "heartbeat"}] * 3
        async with events_at(quick, f"/v1/polls/{poll['id']}/events") as events:
            await events.results()
            assert [await events.next() for _ in range(3)] == [{"type": "heartbeat"}] * 3
            assert events.fields["event"] == "heartbeat"


async def test_client_exceeding_send_timeout_is_closed_with_4408(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    options = [{"id": f"{place:02}-{'x' * 60}", "label": "x"} for place in range(50)]
    polls = [(await service.create_poll(options=options))["id"] for _ in range(40)]
    app = app_with_timeouts(
        second_instance(service), service.settings, StreamTimeouts(send_timeout_s=0.2, close_timeout_s=30)
    )
    async with serving_app(service, app) as quick, socket_at(quick, "/v1/live", max_queue=1) as socket:
        await socket.send(watch=polls)
        await socket.results()
        socket.connection.transport.pause_reading()

        async def is_stuck() -> bool:
            await socket.send(watch=polls)
            return "Slow client disconnected" in caplog.text

        caplog.set_level(logging.DEBUG, "pollwire.live")
        await until(is_stuck, within_s=20)
        socket.connection.transport.resume_reading()
        assert await socket.close_code() == 4408


async def test_drain_sends_spread_reconnects_and_rejects_new_streams(service: Service) -> None:
    poll = await service.create_poll()
    container = second_instance(service)
    async with serving_app(service, container.app) as stopping:
        async with (
            socket_at(stopping, live(poll)) as first,
            socket_at(stopping, "/v1/live") as second,
            events_at(stopping, f"/v1/polls/{poll['id']}/events") as events,
        ):
            await first.results()
            await events.results()
            await second.send(watch=[poll["id"]])
            await second.results()
            draining = asyncio.create_task(container.drain(900))
            message = [await reader.next() for reader in (first, second, events)]
            assert {message["type"] for message in message} == {"reconnect"}
            assert sorted(message["after_ms"] for message in message) == [300, 600, 900]
            assert await first.close_code() == await second.close_code() == 1012
            with pytest.raises(EOFError):
                await events.next()
            assert events.retry_ms == message[2]["after_ms"]
            await asyncio.wait_for(draining, 2)
        for path in (live(poll), "/v1/live"):
            with pytest.raises(InvalidStatus) as rejection:
                async with socket_at(stopping, path):
                    pass
            assert rejection.value.response.status_code == 503


async def test_ended_streams_leave_no_state_in_hub(service: Service) -> None:
    poll = await service.create_poll()
    container = second_instance(service)
    async with serving_app(service, container.app) as other:
        async with (
            socket_at(other, live(poll)) as socket,
            events_at(other, f"/v1/events?poll={poll['id']}") as events,
        ):
            await socket.results()
            await events.results()
            assert container.hub.streams == 2
        async with socket_at(other, live(poll)) as socket:
            await socket.results()
            socket.connection.transport.abort()
        await other.http.head(f"/v1/polls/{poll['id']}/events")
        await until(lambda: container.hub.streams == 0 and not container.hub.watched)
        assert container.hub.topics == []
