"""Information leaks: implementation details in responses, and client addresses in the store."""

from __future__ import annotations

import re

import pytest
from pollwire_server.domain.rate_limit import RateLimit

from tests.api.conftest import Serve, Service

INSIDES = re.compile(
    rb"traceback|file \"|\.py\b|litestar|uvicorn|httptools|msgspec|redis|valkey|python/", re.IGNORECASE
)
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nowhere", b""),
        ("GET", "/v1/polls/%00", b""),
        ("GET", "/v1/polls/" + "a" * 3000, b""),
        ("DELETE", "/v1/voters", b""),
        ("POST", "/v1/voters", b"{"),
        ("POST", "/v1/voters", b"\xff\xfe"),
        ("POST", "/v1/voters", b"[" * 10_000),
        ("POST", "/v1/voters", b'{"name": 1e999}'),
        ("POST", "/v1/polls/none/votes", b'{"choice": {}}'),
        ("GET", "/v1/events?poll=" + "%f0" * 50, b""),
        ("GET", "/v1/admin/polls?limit=x", b""),
        ("POST", "/v1/admin/polls", b'{"kind": 7}'),
        ("GET", "/v1/series/x/leaderboard?limit=-1", b""),
    ],
)
async def test_errors_reveal_no_implementation_details(
    service: Service, method: str, path: str, body: bytes
) -> None:
    """Check that errors contain no traceback, file, library, version or ``Server`` header."""
    for client in (service.http, service.admin):
        answer = await client.request(method, path, content=body, headers=JSON)
        assert answer.status_code < 500
        assert not INSIDES.search(answer.content), answer.text
        assert not any(INSIDES.search(value) for _, value in answer.headers.raw)
        assert not {"server", "x-powered-by"} & set(answer.headers)


async def test_store_contains_no_client_address(serve: Serve) -> None:
    """Check that the store contains no client address or network, neither as text nor as bytes."""
    limits = {"limit_votes": RateLimit(2, 86_400), "limit_voters": RateLimit(2, 86_400)}
    headers = {"X-Forwarded-For": "198.51.100.77"}
    async with serve(trusted_proxies=("127.0.0.1",), **limits) as service:
        poll = (await service.create_poll(identity="open"))["id"]
        for _ in range(3):
            await service.http.post("/v1/voters", headers=headers)
            service.http.cookies.clear()
            await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": "rice"}, headers=headers)
        stored = await everything(service)
        assert b"rate_limit" in stored, "limits were counted in the store"
        for encoding in (b"198.51.100", bytes((198, 51, 100)), b"c63364"):
            assert encoding not in stored


async def everything(service: Service) -> bytes:
    """Return all keys of the service's namespace with their contents."""
    client = service.store.connection.client
    found = []
    async for key in client.scan_iter(match=f"{service.settings.namespace}:*"):
        found += [key, await client.dump(key) or b""]
        match await client.type(key):
            case b"zset":
                found += await client.zrange(key, 0, -1)
            case b"hash":
                found += [part for pair in (await client.hgetall(key)).items() for part in pair]
    return b"\n".join(found)
