"""Error format: every error is a problem document, never a 500 and never plain text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.api.conftest import Serve, Service

FOREIGN = "https://elsewhere.example"


async def raw(service: Service, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send raw bytes that no client library would send, and return status, headers and body."""
    where = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return int(lines[0].split()[1]), headers, body
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/nope", "/v1/nope", "/v1", "/v2/polls", "/docs/nope"])
async def test_unknown_path_returns_404_problem(service: Service, method: str, path: str) -> None:
    """Check that every method gets a 404 problem with the requested path."""
    answer = await service.http.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not-found"
    assert answer.json()["instance"] == path


@pytest.mark.parametrize(
    "path", ["/readyz", "/openapi.json", "/v1/polls/{poll}", "/v1/polls/{poll}/results", "/nope"]
)
async def test_head_returns_headers_of_get(service: Service, path: str) -> None:
    """Check that HEAD has the status and headers of GET, without a body."""
    path = path.format(poll=(await service.create_poll())["id"])
    get, head = await service.http.get(path), await service.http.head(path)
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.content == b""


async def test_head_of_event_stream_ends(service: Service) -> None:
    """Check that HEAD of an event stream returns the headers and ends."""
    poll = (await service.create_poll())["id"]
    answer = await service.http.head(f"/v1/polls/{poll}/events", timeout=3)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("path", ["/nope", "/v1/nope", "/v1/polls", "/v1/admin/polls", "/livez", "/"])
async def test_handshake_at_unknown_path_returns_404_problem(service: Service, path: str) -> None:
    """Check that a handshake at an unknown path gets a problem document, not an empty 403."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(service.ws_url + path):
            pass
    response = refused.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"")["type"] == "/problems/not-found"


STRANGE = [
    b"BREW /v1/voters HTTP/1.1\r\nHost: a\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/%ff%fe/results HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /polls/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /static/%00/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /static/x/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/a/results?" + b"x=%FF&" * 4_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/events?poll=%00&poll=%FF HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/a/events?ticket=%FF HTTP/1.1\r\nHost: a\r\nLast-Event-ID: \xff\r\n\r\n",
    b"GET /v1/polls/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /v1/polls/a HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"GET /v1/polls/a HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET /v1/polls/a HTTP/1.0\r\n\r\n",
    b"GET /v1/polls/a/votes/mine HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /v1/polls/a/votes/mine HTTP/1.1\r\nHost: a\r\nCookie: pollwire_voter=\xff; =;;\r\n\r\n",
    b"GET /v1/polls/a HTTP/1.1\r\nHost: a\r\nOrigin: \xff\r\n\r\n",
    b'GET /v1/polls/a HTTP/1.1\r\nHost: a\r\nIf-None-Match: \xff,,"\r\n\r\n',
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS /v1/polls/a HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nAccess-Control-Request-Method: \xff\r\n\r\n",
    b"GET http://other.example/livez HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //v1//polls//a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/polls/a/live HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v1/voters HTTP/1.1\r\nHost: a\r\nContent-Type: \xff\r\nContent-Length: 1\r\n\r\nx",
    b"POST /v1/voters HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n\xff",
    b"POST /v1/tickets HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/x\r\nContent-Length: 1\r\n\r\nx",
    b"POST /v1/polls/a/receipts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/polls/a/votes HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n\r\n",
    b"GET /v1/admin/polls?limit=%00 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"GET /v1/admin/polls?cursor=%FF%00 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"GET /v1/admin/polls?%FF=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"GET /v1/admin/polls?q=%ED%A0%80 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"GET /v1/admin/polls/%00 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"GET /v1/admin/polls/a%0Ab HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n",
    b"nonsense\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", STRANGE, ids=range(len(STRANGE)))
async def test_unusual_requests_return_problems_and_no_5xx(service: Service, request_bytes: bytes) -> None:
    """Check that no input causes a 5xx, or an error in another format."""
    key = (service.settings.admin_key or "").encode()
    status, headers, body = await raw(service, request_bytes.replace(b"{key}", key))
    assert status < 500, body
    if status >= 400 and headers["content-type"] != "text/html; charset=utf-8":
        assert headers["content-type"] == "application/problem+json", body
        assert json.loads(body)["status"] == status


async def test_chunked_body_over_limit_returns_413(service: Service) -> None:
    """Check that a chunked body over the limit is 413, so that no worker stores more than the limit."""
    poll = (await service.create_poll())["id"]

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 1024

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {await service.voter()}"}
    answer = await service.http.post(f"/v1/polls/{poll}/votes", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["limit_bytes"]) == (413, 16 * 1024)


async def test_client_disconnecting_in_body_is_not_logged_as_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Disconnects during a request are normal, so they must not be logged as errors."""
    where = urlsplit(service.url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    head = (
        f"POST /v1/admin/polls HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service.settings.admin_key}\r\n"
    )
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await service.admin.get("/v1/admin/polls")).status_code == 200
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method}


async def test_preflight_of_allowed_origin_is_granted(serve: Serve) -> None:
    """Check that the preflight of an allowed origin has the origin, the methods and the maximum age."""
    async with serve(allowed_origins=(FOREIGN,)) as service:
        answer = await service.http.options("/v1/voters", headers=preflight(FOREIGN))
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == FOREIGN
        assert answer.headers["access-control-max-age"] == "7200"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()
        other = await service.http.options("/v1/voters", headers=preflight("https://another.example"))
        assert "access-control-allow-origin" not in other.headers


async def test_poll_origins_replace_the_service_origins(serve: Serve) -> None:
    """Check that preflights, responses and errors of a poll all use the poll's own origins."""
    async with serve(allowed_origins=("https://usual.example",)) as service:
        poll = (await service.create_poll(origins=[FOREIGN]))["id"]
        for origin, is_allowed in ((FOREIGN, True), ("https://usual.example", False)):
            requests = (
                service.http.options(f"/v1/polls/{poll}/votes", headers=preflight(origin)),
                service.http.get(f"/v1/polls/{poll}", headers={"Origin": origin}),
                service.http.get(f"/v1/polls/{poll}/results", headers={"Origin": origin}),
                service.http.post(f"/v1/polls/{poll}/votes", json={}, headers={"Origin": origin}),
                service.http.put(f"/v1/polls/{poll}", headers={"Origin": origin}),
                service.http.get(f"/v1/polls/{poll}/nothing", headers={"Origin": origin}),
            )
            for answer in await asyncio.gather(*requests):
                allowed = answer.headers.get_list("access-control-allow-origin")
                assert allowed == ([origin] if is_allowed else []), answer.request
                assert "origin" in answer.headers["vary"].lower()


async def test_problem_has_cors_headers_for_allowed_origin(serve: Serve) -> None:
    """Check that errors have CORS headers, too. Without them a page sees only a network error."""
    async with serve(allowed_origins=("*",)) as service:
        answer = await service.http.get("/v1/polls/nope", headers={"Origin": FOREIGN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, FOREIGN)
