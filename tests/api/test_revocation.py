"""Access that ends with its API key or its issuer: tickets, open streams and later polls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.streams import Events, Socket, Watcher, events_at, live, results, socket_at, ticket_of
from tests.api.test_bulk_votes import line, talking, voters
from tests.api.test_export import fill
from tests.api.test_signed_polls import register, signed_poll
from tests.jwt_issuer import generate_key, token

WITHIN_S = 2.0
"""The time in which a revocation must take effect everywhere."""

CHANNELS = ("fast path", "many polls", "asgi", "events", "key in header")


async def open_stream(
    stack: AsyncExitStack, service: Service, poll: dict[str, Any], channel: str, reader: str
) -> Watcher:
    """Open a stream of the poll as the reader (a token or an API key), and read the first results."""
    ticket = await ticket_of(service, reader)
    bearer = {"Authorization": f"Bearer {reader}"}
    watcher: Watcher
    if channel == "events":
        path = f"/v1/polls/{poll['id']}/events?ticket={ticket}"
        watcher = await stack.enter_async_context(events_at(service, path))
    elif channel == "key in header":
        path = f"/v1/polls/{poll['id']}/events"
        watcher = await stack.enter_async_context(events_at(service, path, headers=bearer))
    elif channel == "many polls":
        socket = await stack.enter_async_context(socket_at(service, f"/v1/live?ticket={ticket}"))
        await socket.send(watch=[poll["id"]])
        watcher = socket
    else:
        repeated = [("X-Repeated", "1"), ("X-Repeated", "2")] if channel == "asgi" else []
        path = live(poll, ticket)
        watcher = await stack.enter_async_context(socket_at(service, path, additional_headers=repeated))
    assert (await watcher.results()).get("hidden") is None
    return watcher


async def ends_with(watcher: Watcher, slug: str) -> None:
    """Read up to the problem, and then to the end of the stream. No results may come before."""
    async with asyncio.timeout(WITHIN_S):
        message = await watcher.next()
        assert (message["status"], message["problem"]) == (401, f"/problems/{slug}")
        if isinstance(watcher, Socket):
            assert await watcher.close_code() == 4401
        else:
            assert isinstance(watcher, Events)
            with pytest.raises(EOFError):
                await watcher.next()


async def read_all(chunks: AsyncIterator[bytes]) -> None:
    async with asyncio.timeout(WITHIN_S):
        async for _ in chunks:
            pass


async def new_key(service: Service, scope: str = "results:read") -> dict[str, Any]:
    answer = await service.admin.post("/v1/admin/keys", json={"name": "desk", "scopes": [scope]})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.mark.parametrize("channel", CHANNELS)
async def test_streams_of_a_revoked_key_end_within_two_seconds(service: Service, channel: str) -> None:
    poll, key = await service.create_poll(results="operators"), await new_key(service)
    async with AsyncExitStack() as stack:
        revoked = await open_stream(stack, service, poll, channel, key["key"])
        other = await open_stream(stack, service, poll, channel, service.settings.admin_key or "")
        assert (await service.admin.delete(f"/v1/admin/keys/{key['id']}")).status_code == 204
        await ends_with(revoked, "api-key-invalid")
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await other.results())["voters"] == 1


async def test_ticket_of_a_revoked_key_shows_no_totals(service: Service) -> None:
    poll, key = await service.create_poll(results="operators"), await new_key(service)
    ticket = await ticket_of(service, key["key"])
    path = f"/v1/polls/{poll['id']}/results?ticket={ticket}"
    assert (await service.http.get(path)).json().get("hidden") is None
    await service.admin.delete(f"/v1/admin/keys/{key['id']}")
    async with asyncio.timeout(WITHIN_S):
        while (await service.http.get(path)).json().get("hidden") is None:
            pass
    later = await service.create_poll(results="operators")
    answer = await service.http.get(f"/v1/polls/{later['id']}/results?ticket={ticket}")
    assert answer.json()["hidden"] is True
    async with socket_at(service, "/v1/live") as socket:
        await socket.send(ticket=ticket)
        assert (await socket.next())["problem"] == "/problems/voter-token-invalid"


@pytest.mark.parametrize("channel", CHANNELS)
async def test_streams_of_a_deleted_issuer_end_within_two_seconds(service: Service, channel: str) -> None:
    key = generate_key("EdDSA")
    issuer = await register(service, key)
    poll = await signed_poll(service, results="after_vote")
    voter = token(key, "EdDSA")
    assert (await service.vote(poll, "rice", voter)).status_code == 200
    assert (await results(service, {"id": poll}, Authorization=f"Bearer {voter}"))["voters"] == 1
    async with AsyncExitStack() as stack:
        stream = await open_stream(stack, service, {"id": poll}, channel, voter)
        assert (await service.admin.delete(f"/v1/admin/issuers/{issuer['id']}")).status_code == 204
        await ends_with(stream, "voter-token-invalid")


async def test_export_of_a_revoked_key_ends_incomplete(service: Service) -> None:
    poll, key = (await service.create_poll())["id"], await new_key(service)
    await fill(service, poll, 30_000)
    headers = {"Authorization": f"Bearer {key['key']}"}
    url = f"/v1/admin/polls/{poll}/export?format=ndjson"
    async with service.http.stream("GET", url, headers=headers) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        assert (await service.admin.delete(f"/v1/admin/keys/{key['id']}")).status_code == 204
        with pytest.raises(httpx.RemoteProtocolError):
            await read_all(chunks)


async def test_bulk_votes_of_a_revoked_key_end_incomplete(service: Service) -> None:
    poll, key = (await service.create_poll())["id"], await new_key(service, "votes:write")
    async with talking(service, poll, key["key"]) as talk:
        await talk.head()
        talk.say(line("ama"))
        assert (await talk.answers())[0]["status"] == "counted"
        assert (await service.admin.delete(f"/v1/admin/keys/{key['id']}")).status_code == 204
        received = b""
        async with asyncio.timeout(WITHIN_S):
            talk.say(line("ama"))
            while chunk := await talk.reader.read(1000):
                received += chunk
                talk.say(line("ama"))
    assert b"0\r\n\r\n" not in received
    assert await voters(service, poll) == 1
