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
from pollwire_server.http_protocol.refusal_limiter import RefusalLimiter

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import WITHIN_S, RawConnection, raw_connection
from tests.http_corpus.servers import serving, settings_of
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

BURST, PERIOD_S = 5, 2
DELAY_S = PERIOD_S / BURST
REFUSED = {
    "fast path": request("POST /v1/voters", "content-type: text/plain", body="{}"),
    "asgi": request("GET /v1/nothing"),
}


@asynccontextmanager
async def limiting(valkey: Valkey, **changes: object) -> AsyncIterator[int]:
    """Run the service with a small limit of refusals. Yield its port."""
    refusals = RefusalLimiter(RateLimit(BURST, PERIOD_S))

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
            for _ in range(BURST + 1):
                await send_refused(bad, REFUSED[path])
            started_s = loop.time()
            await bad.send([request("GET /livez")])
            for _ in range(20):
                assert await good.is_open()
            assert loop.time() - started_s < DELAY_S
            answer = await bad.answer()
            assert answer is not None
            assert answer.status == 200
            assert loop.time() - started_s > DELAY_S / 2


async def test_refusals_of_many_connections_share_the_limit_of_their_network(valkey: Valkey) -> None:
    loop = asyncio.get_running_loop()
    async with limiting(valkey) as port, asyncio.timeout(WITHIN_S):
        for _ in range(BURST):
            async with raw_connection(port) as connection:
                await send_refused(connection, REFUSED["asgi"])
        async with raw_connection(port) as one_more:
            await send_refused(one_more, REFUSED["asgi"])
            started_s = loop.time()
            assert await one_more.is_open()
            assert loop.time() - started_s > DELAY_S / 2


async def test_connections_of_a_trusted_proxy_are_not_delayed(valkey: Valkey) -> None:
    async with limiting(valkey, trusted_proxies=("127.0.0.1",)) as port, raw_connection(port) as proxy:
        started_s = asyncio.get_running_loop().time()
        for _ in range(3 * BURST):
            await send_refused(proxy, REFUSED["asgi"])
        assert asyncio.get_running_loop().time() - started_s < DELAY_S
