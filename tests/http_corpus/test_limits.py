"""What is limited is told alike by a lane and by a route: status, headers and body."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pollwire_server.app import ServiceContainer
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.http_protocol import ConnectionTimeouts, make_protocol_class

from tests.http_corpus.case import JSON, request, vote
from tests.http_corpus.handshakes import handshake
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, talk
from tests.http_corpus.servers import Protocol, make_polls, serving, settings_of
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

DAY = 86_400
ELSEWHERE = "x-forwarded-for: 1.1.1.1, 198.51.100.7"
SAME_NETWORK = "x-forwarded-for: 198.51.100.200"


def by_lane(wiring: ServiceContainer) -> type[asyncio.Protocol]:
    """As the service runs."""
    return make_protocol_class(wiring.lanes, wiring.socket_lane, ConnectionTimeouts(), wiring.clients)


WAYS: tuple[Protocol, ...] = (
    by_lane,
    lambda _: make_protocol_class((), None, ConnectionTimeouts()),
    lambda _: "httptools",
)

EXCHANGES: Sequence[tuple[bytes, int]] = [
    (vote("one"), 200),
    (vote("two"), 429),
    (vote("one"), 200),
    (vote("two", ELSEWHERE), 200),
    (vote("three", SAME_NETWORK), 429),
    (vote("three", 'forwarded: for="[2001:db8::1]";proto=https'), 200),
    (vote("four", "x-forwarded-for: unknown", poll="box"), 200),
    (request("POST /v1/voters"), 201),
    (request("POST /v1/voters"), 429),
    (request("POST /v1/voters", JSON, body='{"challenge":"none"}'), 422),
    (request("POST /v1/voters", JSON, ELSEWHERE, "x-forwarded-proto: https", body="{}"), 201),
    (request("POST /v1/voters", JSON, SAME_NETWORK, body='{"name":"Ama"}'), 429),
]


def plain(answer: HttpAnswer | None) -> Any:  # Any: what is left of it
    """An answer without what no two have in common: when to come back to the second, what is random."""
    assert answer is not None
    moving = ("ratelimit", "retry-after")
    headers = [(name, "" if name in moving else value) for name, value in answer.headers]
    body = dict(answer.body)
    if "retry_after" in body:
        body["retry_after"] = 0
    if "challenge" in body:
        parameters = body["challenge"]["parameters"]
        body["challenge"] = {name: parameters[name] for name in ("algorithm", "cost", "keyPrefix")}
    return answer.status, headers, body


async def answers_by(way: Protocol, store_url: str) -> list[Any]:
    """The answers to everything, in a world of its own, then to two streams, of which one is too many."""
    limits = {"limit_votes": RateLimit(1, DAY), "limit_voters": RateLimit(1, DAY), "limit_sockets": 1}
    settings = settings_of(store_url, f"l{secrets.token_hex(4)}", trusted_proxies=("127.0.0.1",), **limits)
    sent_from = "x-forwarded-for: 203.0.113.1"
    async with serving(store_url, settings, way) as (port, _, _), AsyncExitStack() as stack:
        await make_polls(port, {"lunch": {"revote": "change"}, "box": {"identity": "open"}})
        found = []
        for sent, status in EXCHANGES:
            here = f"\r\n{sent_from}\r\n\r\n".encode()
            told = sent if b"forwarded" in sent else sent.replace(b"\r\n\r\n", here, 1)
            async with asyncio.timeout(WITHIN_S), talk(port) as connection:
                await connection.send([told])
                answer = await connection.answer()
            assert answer is not None
            assert answer.status == status, (told, answer)
            found.append(plain(answer))
        for status in (101, 503):
            connection = await stack.enter_async_context(talk(port))
            await connection.send([handshake(sent_from, path="/v1/polls/lunch/live")])
            answer = await asyncio.wait_for(connection.answer(), WITHIN_S)
            assert answer is not None
            assert answer.status == status
            found.append(status if status == 101 else plain(answer))
        return found


async def test_limits_are_told_alike_by_lane_and_route(valkey: Valkey) -> None:
    """Votes, new voters and streams beyond a limit, whatever proxies say: all ways see and tell the same."""
    by_lanes, by_routes, by_uvicorn = [await answers_by(way, valkey.url) for way in WAYS]
    assert by_lanes == by_routes == by_uvicorn
