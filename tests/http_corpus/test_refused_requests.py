"""Refused requests: beyond a limit of their network, their connection is read later, and no other one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pollwire_server.app import ServiceContainer
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class
from pollwire_server.http_protocol.refusal_limiter import PIPELINED_BEYOND_LIMIT, RefusalLimiter

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, raw_connection
from tests.http_corpus.servers import serving, settings_of
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

BURST, PERIOD_S = 5, 4
DELAY_S = PERIOD_S / BURST
REFUSED = {
    "fast path": request("POST /v1/voters", "content-type: text/plain", body="{}"),
    "asgi": request("GET /v1/nothing"),
}


@asynccontextmanager
async def limiting(valkey: Valkey, **changes: object) -> AsyncIterator[int]:
    """Run the service with a small limit of refusals. Yield its port."""
    refusals = RefusalLimiter(RateLimit(BURST, PERIOD_S), lambda: 1000.0)  # time would forgive refusals

    def protocol(container: ServiceContainer) -> type[asyncio.Protocol]:
        return make_protocol_class(
            container.fast_path_routers,
            container.websocket_acceptor,
            ConnectionTimeouts(HttpLimits()),
            container.client_addresses,
            refusals=refusals,
        )

    settings = settings_of(valkey.url, f"r{secrets.token_hex(4)}", **changes)
    async with serving(valkey.url, settings, protocol) as (port, _, *_):
        yield port


async def send_refused(connection: RawConnection, sent: bytes) -> None:
    await connection.send([sent])
    answer = await connection.answer()
    assert answer is not None
    assert answer.status in (404, 415)


@pytest.mark.parametrize("path", REFUSED)
async def test_refusals_beyond_limit_delay_only_their_own_connection(valkey: Valkey, path: str) -> None:
    loop = asyncio.get_running_loop()
    async with limiting(valkey) as port, raw_connection(port) as bad, raw_connection(port) as good:
        async with asyncio.timeout(WITHIN_S):
            for _ in range(BURST):
                await send_refused(bad, REFUSED[path])
            started_s = loop.time()
            await send_refused(bad, REFUSED[path])
            await bad.send([request("GET /livez")])
            assert await good.is_open()
            assert loop.time() - started_s < DELAY_S
            answer = await bad.answer()
            assert answer is not None
            assert answer.status == 200
            assert loop.time() - started_s >= DELAY_S - 0.01


async def test_refusals_of_many_connections_share_the_limit_of_their_network(valkey: Valkey) -> None:
    loop = asyncio.get_running_loop()
    async with limiting(valkey) as port, asyncio.timeout(WITHIN_S):
        for _ in range(BURST):
            async with raw_connection(port) as connection:
                await send_refused(connection, REFUSED["asgi"])
        async with raw_connection(port) as one_more:
            started_s = loop.time()
            await send_refused(one_more, REFUSED["asgi"])
            assert await one_more.is_open()
            assert loop.time() - started_s >= DELAY_S - 0.01


async def test_connections_of_a_trusted_proxy_are_not_delayed(valkey: Valkey) -> None:
    async with limiting(valkey, trusted_proxies=("127.0.0.1",)) as port, raw_connection(port) as proxy:
        started_s = asyncio.get_running_loop().time()
        for _ in range(3 * BURST):
            await send_refused(proxy, REFUSED["asgi"])
        assert asyncio.get_running_loop().time() - started_s < DELAY_S


async def test_pipelined_requests_count_towards_the_limit(valkey: Valkey) -> None:
    async with limiting(valkey) as port, raw_connection(port) as connection, asyncio.timeout(WITHIN_S):
        await connection.send([request("GET /livez") * 50])
        answers = []
        while (answer := await connection.answer()) is not None:
            answers.append(answer.status)
        assert answers[-1] == 400
        assert answers[:-1] == [200] * (len(answers) - 1)
        assert BURST < len(answers) <= BURST + PIPELINED_BEYOND_LIMIT + 2


async def test_new_connection_of_a_network_beyond_its_limit_is_read_later(valkey: Valkey) -> None:
    loop = asyncio.get_running_loop()
    async with limiting(valkey) as port, raw_connection(port) as bad, asyncio.timeout(WITHIN_S):
        for _ in range(BURST + 1):
            await send_refused(bad, REFUSED["asgi"])
        started_s = loop.time()
        async with raw_connection(port, "127.0.3.1") as other:
            assert await other.is_open()
        assert loop.time() - started_s < DELAY_S
        started_s = loop.time()
        async with raw_connection(port) as new:
            assert await new.is_open()
            assert await new.is_open()
        assert loop.time() - started_s >= DELAY_S - 0.01
