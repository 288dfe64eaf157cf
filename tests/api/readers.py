"""Everybody who may read a poll, and every channel on which it can be read, with the bytes that came."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import httpx
from pollwire import Client

from tests.api.conftest import Service
from tests.api.streams import WITHIN_S, live, socket_at, ticket_of


class Who(NamedTuple):
    """A reader: what it is to the poll, and how it says so."""

    kind: str
    """``public``, ``voted`` or ``operator``."""
    token: str | None = None
    """In the header ``Authorization``."""
    ticket: str | None = None
    """In the address."""

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this reader carries."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    @property
    def query(self) -> str:
        """The end of an address that this reader asks."""
        return "" if self.ticket is None else f"?ticket={self.ticket}"


class Heard(NamedTuple):
    """What came: the head as text, the body, and the results in it where it is them."""

    head: str
    body: bytes
    headers: Mapping[str, str]
    results: dict[str, Any] | None


Channel = Callable[[Service, dict[str, Any], Who], Awaitable[Heard]]


async def everybody(service: Service, voted: str) -> dict[str, Who]:
    """The readers of a poll, of whom one has voted: by token, by ticket, by key, and nobody at all."""
    other, key = await service.voter(), service.settings.admin_key
    assert key is not None
    return {
        "public": Who("public"),
        "stranger": Who("public", token=other),
        "stranger by ticket": Who("public", ticket=await ticket_of(service, other)),
        "voter": Who("voted", token=voted),
        "voter by ticket": Who("voted", ticket=await ticket_of(service, voted)),
        "operator": Who("operator", token=key),
        "operator by ticket": Who("operator", ticket=await ticket_of(service, key)),
    }


def heard(answer: httpx.Response) -> Heard:
    """An HTTP answer; its length is left out, since it may be any number."""
    told = {name: value for name, value in answer.headers.items() if name not in ("content-length", "date")}
    document = answer.json() if answer.headers.get("content-type") == "application/json" else None
    found = document if isinstance(document, dict) and document.get("type") == "results" else None
    return Heard("\n".join(told.values()), answer.content, answer.headers, found)


async def get(service: Service, path: str, who: Who, **headers: str) -> Heard:
    """A GET of a path as this reader."""
    return heard(await service.http.get(f"{path}{who.query}", headers={**who.headers, **headers}))


async def by_http(service: Service, poll: dict[str, Any], who: Who) -> Heard:
    """GET results."""
    return await get(service, f"/v1/polls/{poll['id']}/results", who)


async def by_socket(service: Service, poll: dict[str, Any], who: Who) -> Heard:
    """The first frame of the poll's own socket."""
    async with socket_at(service, live(poll) + who.query, additional_headers=who.headers) as socket:
        text = await socket.connection.recv()
    return Heard("", str(text).encode(), {}, json.loads(text))


async def by_socket_of_many(service: Service, poll: dict[str, Any], who: Who) -> Heard:
    """The first frame about the poll on a socket of many; a ticket is given on the open socket."""
    async with socket_at(service, "/v1/live", additional_headers=who.headers) as socket:
        ticket = {} if who.ticket is None else {"ticket": who.ticket}
        await socket.say(**ticket, watch=[poll["id"]])
        text = await socket.connection.recv()
    return Heard("", str(text).encode(), {}, json.loads(text))


async def by_events(service: Service, poll: dict[str, Any], who: Who) -> Heard:
    """The beginning of the event stream, to the end of its first event."""
    path = f"/v1/polls/{poll['id']}/events{who.query}"
    async with service.http.stream("GET", path, headers=who.headers, timeout=WITHIN_S) as answer:
        said = b""
        async for piece in answer.aiter_bytes():
            said += piece
            if b"data:" in said and said.endswith(b"\n\n"):
                break
        data = next(line for line in said.split(b"\n") if line.startswith(b"data:"))
        return Heard("", said, answer.headers, json.loads(data[5:]))


async def by_client(service: Service, poll: dict[str, Any], who: Who) -> Heard:
    """The Python client's first results of a watch; it asks for tickets by itself."""
    is_operator = who.kind == "operator"
    key, token = (who.token, None) if is_operator else (None, who.token)
    async with Client(service.url, key=key, token=token) as client:
        frames = client.watch(poll["id"])
        results = await anext(frames)
        await frames.aclose()
    return Heard("", json.dumps(results).encode(), {}, results)


RESULTS: dict[str, Channel] = {
    "http": by_http,
    "socket": by_socket,
    "socket of many": by_socket_of_many,
    "events": by_events,
}
"""Channels that every reader may ask for the whole results."""


async def everything_else(service: Service, poll: dict[str, Any], who: Who) -> dict[str, Heard]:
    """What a reader can look at beside results: none of it may tell more."""
    poll_id = poll["id"]
    cookie = {} if who.kind != "voted" or who.token is None else {"Cookie": f"pollwire_voter={who.token}"}
    pages = (f"/polls/{poll_id}", f"/embed/{poll_id}", "/", f"/oembed?url={service.url}/polls/{poll_id}")
    told = {page: heard(await service.http.get(page, headers={**who.headers, **cookie})) for page in pages}
    told["poll"] = await get(service, f"/v1/polls/{poll_id}", who)
    told["own vote"] = await get(service, f"/v1/polls/{poll_id}/votes/mine", who)
    return told
