"""Connections beyond the limits: one of the largest network is closed for a new one, or it gets 503."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pollwire_server.app import ServiceContainer
from pollwire_server.auth.client_address import Peer
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class
from pollwire_server.http_protocol.connection_table import ConnectionTable, NetworkConnections
from pollwire_server.http_protocol.fast_path import ConnectionRegistry
from pollwire_server.http_protocol.over_capacity import MAX_WAITING

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, raw_connection
from tests.http_corpus.servers import POLLS, make_polls, serving, settings_of
from tests.valkey import Valkey
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

ATTACKER, VISITOR = "127.0.1.1", "127.0.2.1"
"""Addresses of two networks."""
POLL = next(iter(POLLS))


class BusyTable(ConnectionTable):
    """Table of connections that are all busy, so that none can be closed."""

    def admit(self, peer: Peer, all_connections: ConnectionRegistry) -> NetworkConnections | None:
        """Admit while there is space."""
        return super().admit(peer, all_connections) if len(self) < self.limit else None


@asynccontextmanager
async def limited(
    valkey: Valkey, connections: int, share: int | None = None, table: ConnectionTable | None = None
) -> AsyncIterator[tuple[int, ConnectionTimeouts]]:
    """Run the service with a limit of connections. Yield its port."""
    timeouts = ConnectionTimeouts(HttpLimits(connections=connections, closing_s=0.2, sweep_s=0.05))
    settings = settings_of(valkey.url, f"s{secrets.token_hex(4)}")

    def protocol(container: ServiceContainer) -> type[asyncio.Protocol]:
        created = make_protocol_class(
            container.fast_path_routers,
            container.websocket_acceptor,
            timeouts,
            container.client_addresses,
            connection_share=share,
        )
        if table is not None:
            created.connection_table = table
        return created

    async with serving(valkey.url, settings, protocol) as (port, *_):
        yield port, timeouts


async def open_socket(stack: AsyncExitStack, port: int, target: str, *more: str) -> RawConnection:
    """Open a WebSocket from the attacker's address, on the ASGI path if a header is repeated."""
    connection = await stack.enter_async_context(raw_connection(port, ATTACKER))
    handshake = (
        f"GET {target} HTTP/1.1",
        "host: corpus",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: MTIzNDU2Nzg5MDEyMzQ1Ng==",
        *more,
    )
    await connection.send(["\r\n".join((*handshake, "", "")).encode()])
    answer = await connection.answer()
    assert answer is not None
    assert answer.status == 101
    return connection


async def test_connection_beyond_limit_gets_503_with_retry_after(valkey: Valkey) -> None:
    async with limited(valkey, 2, table=BusyTable(2)) as (port, timeouts):
        async with raw_connection(port) as first, raw_connection(port) as second:
            assert await first.is_open()
            assert await second.is_open()
            async with (
                asyncio.timeout(WITHIN_S),
                raw_connection(port) as third,
                raw_connection(port) as silent,
            ):
                await third.send([request("GET /livez")])
                answer = await third.answer()
                assert answer is not None
                assert (answer.status, answer.body["type"]) == (503, "/problems/overloaded")
                assert ("retry-after", "3") in answer.headers
                assert await third.answer() is None
                assert await silent.answer() is None
            assert await first.is_open()
        await until(lambda: len(timeouts) == 0)
        async with raw_connection(port) as again:
            assert await again.is_open()


async def test_silent_connections_beyond_limit_use_few_files(valkey: Valkey) -> None:
    async with limited(valkey, 1, table=BusyTable(1)) as (port, timeouts), AsyncExitStack() as stack:
        first = await stack.enter_async_context(raw_connection(port))
        assert await first.is_open()
        for _ in range(MAX_WAITING):
            await stack.enter_async_context(raw_connection(port))
        await until(lambda: timeouts.over_capacity == MAX_WAITING)
        one_more = await stack.enter_async_context(raw_connection(port))
        assert await one_more.answer() is None


@pytest.mark.parametrize("stage", ["idle", "in headers", "in body"])
async def test_full_worker_closes_longest_idle_connection_of_largest_network(
    valkey: Valkey, stage: str
) -> None:
    sent = {
        "idle": b"GET /livez HTTP/1.1\r\nhost: corpus\r\n\r\n",
        "in headers": b"GET /livez HTTP/1.1\r\n",
        "in body": b"POST /v1/voters HTTP/1.1\r\nhost: corpus\r\ncontent-length: 9\r\n\r\n{",
    }[stage]
    async with limited(valkey, 8) as (port, timeouts), AsyncExitStack() as stack:
        mine = await stack.enter_async_context(raw_connection(port, VISITOR))
        assert await mine.is_open()
        idle = []
        for _ in range(7):
            idle.append(await stack.enter_async_context(raw_connection(port, ATTACKER)))
            await idle[-1].send([sent])
            if stage == "idle":
                assert await idle[-1].answer() is not None
        await until(lambda: len(timeouts) == 8)
        newcomers = [await stack.enter_async_context(raw_connection(port, VISITOR)) for _ in range(3)]
        for newcomer in newcomers:
            assert await newcomer.is_open()
        assert [await connection.answer() for connection in idle[:3]] == [None, None, None]
        assert await mine.is_open()


@pytest.mark.parametrize("kind", ["fast path", "asgi"])
async def test_full_worker_closes_streams_of_largest_network(valkey: Valkey, kind: str) -> None:
    more = ("x-repeated: 1", "x-repeated: 2") if kind == "asgi" else ()
    async with limited(valkey, 6) as (port, _), AsyncExitStack() as stack:
        await make_polls(port, {POLL: POLLS[POLL]})
        sockets = [await open_socket(stack, port, "/v1/live", *more) for _ in range(6)]
        visitor = await stack.enter_async_context(raw_connection(port, VISITOR))
        assert await visitor.is_open()
        async with asyncio.timeout(WITHIN_S):
            frame = await sockets[0].frame()
            assert frame is not None
            assert (frame[0], frame[1][:2]) == (8, (1012).to_bytes(2, "big"))


async def test_network_at_its_share_replaces_its_own_connections(valkey: Valkey) -> None:
    async with limited(valkey, 100, share=3) as (port, _), AsyncExitStack() as stack:
        other = await stack.enter_async_context(raw_connection(port, VISITOR))
        assert await other.is_open()
        opened = []
        for _ in range(5):
            opened.append(await stack.enter_async_context(raw_connection(port, ATTACKER)))
            assert await opened[-1].is_open()
        assert [await connection.answer() for connection in opened[:2]] == [None, None]
        for connection in (*opened[2:], other):
            assert await connection.is_open()
