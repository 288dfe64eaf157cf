"""Health probes and the API reference."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from pollwire_server.app.health import Health
from pollwire_server.auth.client_address import ClientAddressResolver
from pollwire_server.store import Store, open_store

from tests.api.conftest import Service, serving
from tests.wait import until


async def test_probes_of_running_service_return_200(service: Service) -> None:
    """Check that both probes are 200, and that readiness is not degraded."""
    assert (await service.http.get("/livez")).json() == {"status": "alive"}
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "degraded": False})
    assert ready.headers["cache-control"] == "no-store"


async def test_readyz_while_draining_returns_503(store: Store) -> None:
    """Load balancers must stop sending requests before a planned shutdown."""
    health = Health(store, ClientAddressResolver())
    health.is_draining = True
    status, body = health.report()
    assert (status, body.status) == (503, "draining")


async def test_readyz_before_first_store_response_returns_503() -> None:
    """Check that readiness is 503 until the store's first response, and that liveness is 200."""
    nowhere = "unix:///nowhere/to/be/found"
    store = await open_store(nowhere)
    try:
        async with serving(store, nowhere) as service:
            ready = await service.http.get("/readyz")
            assert (ready.status_code, ready.json()["status"]) == (503, "starting")
            assert ready.headers["retry-after"] == "1"
            assert (await service.http.get("/livez")).status_code == 200
    finally:
        await store.close()


async def test_readyz_follows_a_store_outage(own_valkey: Any) -> None:
    """Check a store outage: 503 within a second and degraded readiness, then recovery within two seconds."""
    store = await open_store(own_valkey.url, namespace="away")
    async with serving(store, own_valkey.url) as service:
        poll = (await service.create_poll())["id"]
        token = await service.voter()
        own_valkey.kill()
        for path in (f"/v1/polls/{poll}/results", f"/v1/admin/polls/{poll}"):
            began = time.monotonic()
            refused = await service.admin.get(path)
            assert time.monotonic() - began < 1
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["type"] == "/problems/store-unavailable"
        assert (await service.vote(poll, "rice", token)).status_code == 503

        async def degraded() -> bool:
            ready = await service.http.get("/readyz")
            return ready.status_code == 200 and ready.json()["degraded"] is True

        await until(degraded)
        assert (await service.http.get("/")).status_code == 200
        own_valkey.restart()

        async def back() -> bool:
            return (await service.admin.get(f"/v1/admin/polls/{poll}")).status_code in (200, 404)

        await until(back, within_s=2)
        assert (await service.http.get("/readyz")).json()["degraded"] is False
    await store.close()


async def test_openapi_describes_every_route(service: Service) -> None:
    """Check that /openapi.json has a title, and that every operation documents its errors as problems."""
    document = (await service.http.get("/openapi.json")).json()
    assert document["info"]["title"] == "Pollwire"
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert {"/v1/polls/{poll_id}/votes", "/v1/admin/polls/{poll_id}/reopen", "/v1/voters", "/readyz"} <= set(
        document["paths"]
    )
    for path, method, operation in operations:
        if path.startswith("/v1/"):
            assert "application/problem+json" in operation["responses"]["503"]["content"], (method, path)
    problem = document["components"]["schemas"]["Problem"]
    assert "/problems/already-voted" in problem["properties"]["type"]["enum"]


async def test_openapi_has_poll_parameter_where_accepted(service: Service) -> None:
    """Check that tokens, tickets and multi-poll events accept ``?poll=``."""
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    for method, address in (("post", "/v1/voters"), ("post", "/v1/tickets"), ("get", "/v1/events")):
        named = paths[address][method]["parameters"][0]
        assert (named["name"], named["in"]) == ("poll", "query")


async def test_openapi_references_exist(service: Service) -> None:
    """Check that every referenced schema exists."""
    answer = await service.http.get("/openapi.json")
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert named
    assert named <= set(answer.json()["components"]["schemas"])


async def test_plain_reference_lists_every_operation_without_scripts(service: Service) -> None:
    page = await service.http.get("/docs/plain")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "<style" not in page.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    document = (await service.http.get("/openapi.json")).json()
    assert all(path in page.text for path in document["paths"])
    links = re.findall(r'href="(/[^"]+)"', page.text)
    answers = await asyncio.gather(*(service.http.get(link) for link in links))
    assert [answer.status_code for answer in answers] == [200] * len(links)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/docs/plain", "/openapi.json"])
async def test_probes_and_reference_reject_other_methods(service: Service, path: str) -> None:
    """Check that 405 lists the allowed methods."""
    answer = await service.http.post(path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
