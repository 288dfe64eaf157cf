"""Connections beyond the limit: rejected at once, without an effect on the others."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import WITHIN_S, raw_connection
from tests.http_corpus.servers import serving, settings_of
from tests.valkey import Valkey
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_connection_beyond_limit_gets_503_with_retry_after(valkey: Valkey) -> None:
    timeouts = ConnectionTimeouts(HttpLimits(connections=2, closing_s=0.2, sweep_s=0.05))
    settings = settings_of(valkey.url, f"s{secrets.token_hex(4)}")
    async with serving(
        valkey.url,
        settings,
        lambda container: make_protocol_class(
            container.fast_path_routers, container.websocket_acceptor, timeouts, container.client_addresses
        ),
    ) as (port, _, _):
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
