"""CORS for a poll with its own ``origins``, on an origin that the service's settings do not allow."""

from __future__ import annotations

import httpx
import pytest
import websockets

from tests.api.conftest import Serve, Service
from tests.api.streams import JsonObject, events_at, socket_at

NEWS = "https://news.example"
BLOG = "https://blog.example"
CORS = "access-control-allow-origin"
WANTED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def readers_of(service: Service, method: str, path: str, **headers: str) -> dict[str, bool]:
    """Return which of the two origins may read the response."""
    token = {"Authorization": f"Bearer {await service.voter()}"}
    allowed = {}
    for origin in (NEWS, BLOG):
        answer = await service.http.request(method, path, headers={**token, **headers, "Origin": origin})
        assert answer.is_success, answer.text
        assert "origin" in answer.headers["vary"].lower()
        allowed[origin] = answer.headers.get(CORS) == origin
    return allowed


@pytest.mark.parametrize("path", ["/v1/voters", "/v1/tickets"])
@pytest.mark.parametrize("is_cached", [True, False])
async def test_token_and_ticket_use_origin_rule_of_the_named_poll(
    serve: Serve, path: str, is_cached: bool
) -> None:
    """Check tokens, tickets and preflights: the named poll's rule applies, otherwise the service's."""
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = (await service.create_poll(origins=[BLOG]))["id"]
        plain = (await service.create_poll())["id"]
        if is_cached:
            for poll_id in (poll, plain):
                await service.http.get(f"/v1/polls/{poll_id}")
        for query, allowed in (
            (f"?poll={poll}", {NEWS: False, BLOG: True}),
            (f"?poll={plain}", {NEWS: True, BLOG: False}),
            ("?poll=nowhere", {NEWS: True, BLOG: False}),
            ("?poll=NO%20ID", {NEWS: True, BLOG: False}),
            ("", {NEWS: True, BLOG: False}),
        ):
            assert await readers_of(service, "POST", path + query) == allowed, query
            assert await readers_of(service, "OPTIONS", path + query, **WANTED) == allowed, query


async def test_origin_of_poll_gets_no_cookie(serve: Serve) -> None:
    """Otherwise a form on that origin could replace the visitor's voter with its own."""
    async with serve() as service:
        poll = (await service.create_poll(origins=[BLOG]))["id"]
        answer = await service.http.post(f"/v1/voters?poll={poll}", headers={"Origin": BLOG})
        assert answer.headers[CORS] == BLOG
        assert "set-cookie" not in answer.headers


async def refused_with(service: Service, path: str, origin: str) -> int | None:
    """Return the status that rejects the handshake, or None."""
    try:
        async with socket_at(service, path, origin=origin):
            return None
    except websockets.InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize("is_cached", [True, False])
async def test_multi_poll_handshake_accepts_origin_of_any_poll(serve: Serve, is_cached: bool) -> None:
    """Check that the handshake is allowed if at least one of the named polls allows the origin."""
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = (await service.create_poll(origins=[BLOG]))["id"]
        plain = (await service.create_poll())["id"]
        if is_cached:
            for poll_id in (poll, plain):
                await service.http.get(f"/v1/polls/{poll_id}")
        for query, of_news, of_blog in (
            ("", None, 403),
            (f"?poll={poll}", 403, None),
            (f"?poll={plain}", None, 403),
            (f"?poll={plain}&poll={poll}", None, None),
            ("?poll=nowhere", None, 403),
        ):
            assert await refused_with(service, f"/v1/live{query}", NEWS) == of_news, query
            assert await refused_with(service, f"/v1/live{query}", BLOG) == of_blog, query


def status_by_poll(messages: list[JsonObject]) -> dict[str, int]:
    """Return the outcome for each poll: 200 for results, or the status of the problem."""
    return {message["poll"]: message.get("status", 200) for message in messages}


async def test_multi_poll_stream_applies_origin_rule_of_each_poll(serve: Serve) -> None:
    """Check that a page gets results of the poll it may use, and a 403 problem for the other poll."""
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = (await service.create_poll(origins=[BLOG]))["id"]
        plain = (await service.create_poll())["id"]
        query = f"?poll={poll}&poll={plain}"
        for origin, expected in ((BLOG, {poll: 200, plain: 403}), (NEWS, {poll: 403, plain: 200})):
            async with socket_at(service, f"/v1/live{query}", origin=origin) as socket:
                await socket.send(watch=[poll, plain])
                assert status_by_poll([await socket.next(), await socket.next()]) == expected
            async with events_at(service, f"/v1/events{query}", headers={"Origin": origin}) as events:
                assert events.response.headers[CORS] == origin
                assert status_by_poll([await events.next(), await events.next()]) == expected


async def test_multi_poll_events_reject_origin_of_no_poll(serve: Serve) -> None:
    """Check that an origin that may use none of the named polls cannot read the rejection either."""
    async with serve(allowed_origins=(NEWS,)) as service:
        poll = (await service.create_poll(origins=[BLOG]))["id"]
        answer: httpx.Response = await service.http.get(f"/v1/events?poll={poll}", headers={"Origin": NEWS})
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/origin-not-allowed"
        assert CORS not in answer.headers
