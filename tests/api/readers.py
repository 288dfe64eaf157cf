"""All kinds of clients that may read a poll, and all channels, with the received bytes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import httpx
from pollwire import Client

from tests.api.conftest import Service
from tests.api.streams import WITHIN_S, live, socket_at, ticket_of


class Reader(NamedTuple):
    """A client of a poll: its role, and its credentials."""

    kind: str
    """``public``, ``voted`` or ``operator``."""
    token: str | None = None
    """For the ``Authorization`` header."""
    ticket: str | None = None
    """For the query string."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of this client's requests."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    @property
    def query(self) -> str:
        """Return the query string of this client's requests."""
        return "" if self.ticket is None else f"?ticket={self.ticket}"


class Received(NamedTuple):
    """Received response: the headers as text, the body, and the results if the body has them."""

    head: str
    body: bytes
    headers: Mapping[str, str]
    results: dict[str, Any] | None


Channel = Callable[[Service, dict[str, Any], Reader], Awaitable[Received]]


async def all_readers(service: Service, voted: str) -> dict[str, Reader]:
    """Return clients with every kind of credentials, and without any. ``voted`` is the token of a voter."""
    other, key = await service.voter(), service.settings.admin_key
    assert key is not None
    return {
        "public": Reader("public"),
        "stranger": Reader("public", token=other),
        "stranger by ticket": Reader("public", ticket=await ticket_of(service, other)),
        "voter": Reader("voted", token=voted),
        "voter by ticket": Reader("voted", ticket=await ticket_of(service, voted)),
        "operator": Reader("operator", token=key),
        "operator by ticket": Reader("operator", ticket=await ticket_of(service, key)),
    }


def received(response: httpx.Response) -> Received:
    """Return a received HTTP response, without the headers that may contain any number."""
    documents = {
        name: value for name, value in response.headers.items() if name not in ("content-length", "date")
    }
    document = response.json() if response.headers.get("content-type") == "application/json" else None
    found = document if isinstance(document, dict) and document.get("type") == "results" else None
    return Received("\n".join(documents.values()), response.content, response.headers, found)


async def get(service: Service, path: str, reader: Reader, **headers: str) -> Received:
    """Send a GET as this client."""
    return received(await service.http.get(f"{path}{reader.query}", headers={**reader.headers, **headers}))


async def by_http(service: Service, poll: dict[str, Any], reader: Reader) -> Received:
    """Read the results with GET."""
    return await get(service, f"/v1/polls/{poll['id']}/results", reader)


async def by_socket(service: Service, poll: dict[str, Any], reader: Reader) -> Received:
    """Read the first frame of the poll's own socket."""
    async with socket_at(service, live(poll) + reader.query, additional_headers=reader.headers) as socket:
        text = await socket.connection.recv()
    return Received("", str(text).encode(), {}, json.loads(text))


async def by_socket_of_many(service: Service, poll: dict[str, Any], reader: Reader) -> Received:
    """Read the first frame of a multi-poll socket. A ticket is sent on the open socket."""
    async with socket_at(service, "/v1/live", additional_headers=reader.headers) as socket:
        ticket = {} if reader.ticket is None else {"ticket": reader.ticket}
        await socket.send(**ticket, watch=[poll["id"]])
        text = await socket.connection.recv()
    return Received("", str(text).encode(), {}, json.loads(text))


async def by_events(service: Service, poll: dict[str, Any], reader: Reader) -> Received:
    """Read the event stream to the end of its first event."""
    path = f"/v1/polls/{poll['id']}/events{reader.query}"
    async with service.http.stream("GET", path, headers=reader.headers, timeout=WITHIN_S) as response:
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if b"data:" in body and body.endswith(b"\n\n"):
                break
        data = next(line for line in body.split(b"\n") if line.startswith(b"data:"))
        return Received("", body, response.headers, json.loads(data[5:]))


async def by_client(service: Service, poll: dict[str, Any], reader: Reader) -> Received:
    """Read the first results with the Python client. It requests tickets by itself."""
    is_operator = reader.kind == "operator"
    key, token = (reader.token, None) if is_operator else (None, reader.token)
    async with Client(service.url, key=key, token=token) as client:
        frames = client.watch(poll["id"])
        results = await anext(frames)
        await frames.aclose()
    return Received("", json.dumps(results).encode(), {}, results)


RESULTS: dict[str, Channel] = {
    "http": by_http,
    "socket": by_socket,
    "socket of many": by_socket_of_many,
    "events": by_events,
}
"""Channels that send complete results to every client."""


async def other_documents(service: Service, poll: dict[str, Any], reader: Reader) -> dict[str, Received]:
    """Read everything else that a client can see. None of it may reveal hidden totals."""
    poll_id = poll["id"]
    cookie = (
        {} if reader.kind != "voted" or reader.token is None else {"Cookie": f"pollwire_voter={reader.token}"}
    )
    pages = (f"/polls/{poll_id}", f"/embed/{poll_id}", "/", f"/oembed?url={service.url}/polls/{poll_id}")
    documents = {
        page: received(await service.http.get(page, headers={**reader.headers, **cookie})) for page in pages
    }
    documents["poll"] = await get(service, f"/v1/polls/{poll_id}", reader)
    documents["own vote"] = await get(service, f"/v1/polls/{poll_id}/votes/mine", reader)
    return documents
