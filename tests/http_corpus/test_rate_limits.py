"""Rate limits: the same status, headers and body on the fast path and the ASGI path."""

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
from tests.http_corpus.raw_client import WITHIN_S, HttpAnswer, raw_connection
from tests.http_corpus.servers import Protocol, make_polls, serving, settings_of
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

DAY = 86_400
ELSEWHERE = "x-forwarded-for: 1.1.1.1, 198.51.100.7"
SAME_NETWORK = "x-forwarded-for: 198.51.100.200"


def with_fast_path(container: ServiceContainer) -> type[asyncio.Protocol]:
    """The protocol class of the service."""
    return make_protocol_class(
        container.fast_path_routers,
        container.websocket_acceptor,
        ConnectionTimeouts(),
        container.client_addresses,
        cors=container.cors,
    )


SERVERS: tuple[Protocol, ...] = (
    with_fast_path,
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


def plain(answer: HttpAnswer | None) -> Any:  # Any: the remaining JSON
    """Return a response without values that always differ: retry times and random values."""
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


async def answers_by(target: Protocol, store_url: str) -> list[Any]:
    """Return the responses to all exchanges, then to two streams, the second of which exceeds the limit."""
    limits = {"limit_votes": RateLimit(1, DAY), "limit_voters": RateLimit(1, DAY), "limit_sockets": 1}
    settings = settings_of(store_url, f"l{secrets.token_hex(4)}", trusted_proxies=("127.0.0.1",), **limits)
    sent_from = "x-forwarded-for: 203.0.113.1"
    async with serving(store_url, settings, target) as (port, *_), AsyncExitStack() as stack:
        await make_polls(port, {"lunch": {"revote": "change"}, "box": {"identity": "open"}})
        found = []
        for sent, status in EXCHANGES:
            here = f"\r\n{sent_from}\r\n\r\n".encode()
            with_address = sent if b"forwarded" in sent else sent.replace(b"\r\n\r\n", here, 1)
            async with asyncio.timeout(WITHIN_S), raw_connection(port) as connection:
                await connection.send([with_address])
                answer = await connection.answer()
            assert answer is not None
            assert answer.status == status, (with_address, answer)
            found.append(plain(answer))
        for status in (101, 503):
            connection = await stack.enter_async_context(raw_connection(port))
            await connection.send([handshake(sent_from, path="/v1/polls/lunch/live")])
            answer = await asyncio.wait_for(connection.answer(), WITHIN_S)
            assert answer is not None
            assert answer.status == status
            found.append(status if status == 101 else plain(answer))
        return found


async def test_rate_limits_are_the_same_on_all_servers(valkey: Valkey) -> None:
    """Votes, registrations and streams, with and without headers of proxies."""
    by_fast_path, by_asgi, by_uvicorn = [await answers_by(target, valkey.url) for target in SERVERS]
    assert by_fast_path == by_asgi == by_uvicorn
