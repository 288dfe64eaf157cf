"""A connection too many is told so at once, and the others go on."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class

from tests.http_corpus.case import request
from tests.http_corpus.raw_client import WITHIN_S, talk
from tests.http_corpus.servers import serving, settings_of
from tests.valkey import Valkey
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_one_connection_too_many_is_turned_away(valkey: Valkey) -> None:
    """503 with Retry-After whatever it asks, silence is closed in time, and who leaves makes room."""
    deadlines = ConnectionTimeouts(HttpLimits(connections=2, closing_s=0.2, sweep_s=0.05))
    settings = settings_of(valkey.url, f"s{secrets.token_hex(4)}")
    async with serving(
        valkey.url,
        settings,
        lambda wiring: make_protocol_class(wiring.lanes, wiring.socket_lane, deadlines, wiring.clients),
    ) as (port, _, _):
        async with talk(port) as first, talk(port) as second:
            assert await first.is_kept()
            assert await second.is_kept()
            async with asyncio.timeout(WITHIN_S), talk(port) as third, talk(port) as silent:
                await third.send([request("GET /livez")])
                answer = await third.answer()
                assert answer is not None
                assert (answer.status, answer.body["type"]) == (503, "/problems/overloaded")
                assert ("retry-after", "3") in answer.headers
                assert await third.answer() is None
                assert await silent.answer() is None
            assert await first.is_kept()
        await until(lambda: len(deadlines) == 0)
        async with talk(port) as again:
            assert await again.is_kept()
