"""CORS of the voting API: allowed and foreign origins."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Serve, Service

NEWS = "https://news.example"
FOREIGN = "https://foreign.example"
CORS = "access-control-allow-origin"


def cors_headers(answer: httpx.Response) -> list[str]:
    """Return the CORS headers of a response by name."""
    return sorted(name for name in answer.headers if name.startswith("access-control-"))


async def asked(service: Service, poll: str, origin: str) -> list[httpx.Response]:
    """Return one response of every kind that the voting API sends to a page of ``origin``."""
    votes = f"/v1/polls/{poll}/votes"
    headers = {"Origin": origin, "Authorization": f"Bearer {await service.voter()}"}
    requests = [
        ("POST", votes, {"choice": "rice"}),  # counted
        ("POST", votes, {"choice": "stew"}),  # rejected by the service
        ("POST", votes, {"choice": "yam"}),  # rejected by the store
        ("PUT", votes, {"choice": "rice"}),
        ("GET", f"{votes}/mine", None),
        ("POST", f"/v1/polls/{poll}/receipts", {"receipt": "x"}),
        ("POST", "/v1/voters", {}),
        ("POST", "/v1/tickets", {}),
    ]
    return [
        await service.http.request(method, path, headers=headers, json=body)
        for method, path, body in requests
    ]


async def test_cors_allowed_origin_can_read_every_response(serve: Serve) -> None:
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = await service.create_poll()
        for answer in await asked(service, poll["id"], NEWS):
            assert answer.headers.get_list(CORS) == [NEWS], answer.request.url
            assert answer.headers.get_list("vary") == ["Origin"]
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [FOREIGN, "null", "https://news.example.foreign.example"])
async def test_cors_foreign_origin_can_read_no_response(serve: Serve, origin: str) -> None:
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = await service.create_poll()
        for answer in await asked(service, poll["id"], origin):
            assert cors_headers(answer) == [], answer.request.url
            assert answer.headers.get_list("vary") == ["Origin"]


async def test_cors_request_without_origin_gets_vary_origin(service: Service) -> None:
    """A cache must not give a page the response that was made for a program."""
    poll = await service.create_poll()
    answer = await service.vote(poll["id"], "rice", await service.voter())
    assert (cors_headers(answer), answer.headers["vary"]) == ([], "Origin")


async def test_cors_poll_origins_replace_the_service_origins(serve: Serve) -> None:
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = await service.create_poll(origins=["https://blog.example"])
        token = await service.voter()
        for origin, allowed in (("https://blog.example", True), (NEWS, False), (service.url, True)):
            headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
            path = f"/v1/polls/{poll['id']}/votes"
            answer = await service.http.post(path, json={"choice": "rice"}, headers=headers)
            assert answer.status_code == 200
            assert answer.headers.get(CORS) == (origin if allowed else None)


async def test_preflight_is_granted_to_allowed_origins_only(serve: Serve) -> None:
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = await service.create_poll()
        wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        for path in (f"/v1/polls/{poll['id']}/votes", f"/v1/polls/{poll['id']}/votes/mine", "/v1/voters"):
            allowed = await service.http.options(path, headers={"Origin": NEWS, **wanted})
            assert allowed.status_code == 204
            assert allowed.headers[CORS] == NEWS
            assert allowed.headers["access-control-max-age"] == "7200"
            assert {"POST", "DELETE"} <= set(allowed.headers["access-control-allow-methods"].split(", "))
            named = allowed.headers["access-control-allow-headers"].lower().split(", ")
            assert {"authorization", "content-type", "idempotency-key"} <= set(named)
            assert "origin" in allowed.headers["vary"].lower()
            foreign = await service.http.options(path, headers={"Origin": FOREIGN, **wanted})
            assert cors_headers(foreign) == []


async def test_register_foreign_origin_gets_no_cookie(serve: Serve) -> None:
    """A form needs no preflight. A cookie in its response would replace the visitor's own."""
    async with serve(allowed_origins=(NEWS,)) as service:
        for origin, is_set in ((FOREIGN, False), ("null", False), (NEWS, True), (service.url, True)):
            answer = await service.http.post("/v1/voters", headers={"Origin": origin})
            assert answer.status_code == 201
            assert ("set-cookie" in answer.headers) is is_set, origin


async def test_vote_body_without_preflight_is_rejected(serve: Serve) -> None:
    """The request carries the visitor's own cookie."""
    async with serve() as service:
        poll = await service.create_poll()
        cookie = {"Cookie": f"pollwire_voter={await service.voter()}", "Origin": FOREIGN}
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            headers = cookie if kind is None else {**cookie, "Content-Type": kind}
            path = f"/v1/polls/{poll['id']}/votes"
            answer = await service.http.post(path, content=b'{"choice": "rice"}', headers=headers)
            assert answer.status_code == 415
        results = await service.admin.get(f"/v1/admin/polls/{poll['id']}/results")
        assert results.json()["voters"] == 0
