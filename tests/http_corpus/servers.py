"""Three ways to the same application: with lanes, without, and on uvicorn's own protocol.

Each way has a world of its own in the store (a namespace) with the same polls
in it, so that the same requests in the same order have the same effects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import blake2b
from typing import Any, NamedTuple

import httpx
from pollwire_server.app import ServiceContainer, build
from pollwire_server.app.bootstrap import wall_clock
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.tickets import Tickets
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.http_protocol import (
    ConnectionTimeouts,
    FastPathRouter,
    Handler,
    Headers,
    HttpLimits,
    make_protocol_class,
)
from pollwire_server.server import Server, create_server, listening
from pollwire_server.settings import Settings
from pollwire_server.store import open_store

SECRET, ADMIN_KEY = "corpus-" * 6, "corpus-key-" * 3
NEWS, FRIEND, STRANGER = "https://news.example", "https://friend.example", "https://stranger.example"

POLLS: dict[str, dict[str, object]] = {
    "lunch": {"revote": "change"},
    "odd": {"revote": "change"},
    "strict": {},
    "box": {"identity": "open"},
    "soon": {"opens_at": "2100-01-01T00:00:00Z"},
    "over": {},
    "friends": {"origins": [FRIEND]},
    "after-vote": {"results": "after_vote"},
    "after-close": {"results": "after_close"},
    "secret": {"results": "operators"},
    "unseen": {"visible_at": "2100-01-01T00:00:00Z"},
}
"""What there is in each world; ``over`` is closed at once."""

Protocol = Callable[[ServiceContainer], str | type[asyncio.Protocol]]


class Way(NamedTuple):
    """One way to the application."""

    name: str
    port: int
    wiring: ServiceContainer
    taken: list[bytes]
    """Addresses of the requests that a lane has taken."""


class Served(NamedTuple):
    """A running service, its rooms, and the server to stop it by."""

    port: int
    wiring: ServiceContainer
    server: Server


class _Noting:
    """A lane that notes what it takes."""

    def __init__(self, lane: FastPathRouter, taken: list[bytes]) -> None:
        self._lane = lane
        self._taken = taken

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        handler = self._lane.match(method, url, headers)
        if handler is None:
            return None

        def noted(request: Any, respond: Any) -> None:  # Any: passed on as they are
            self._taken.append(b"%b %b" % (method, url))
            handler(request, respond)

        return noted


class _NotingSockets:
    """A lane of sockets that notes what it takes."""

    def __init__(self, wiring: ServiceContainer, taken: list[bytes]) -> None:
        self._lane = wiring.socket_lane
        self._taken = taken

    def accept(self, url: bytes, *rest: Any, client: ClientAddress) -> bool:  # Any: passed on as they are
        took = self._lane.accept(url, *rest, client=client)
        if took:
            self._taken.append(b"SOCKET %b" % url)
        return took


def voter(name: str) -> str:
    """The token of the voter of this name, good in every world."""
    voter_id = blake2b(name.encode(), digest_size=16).digest()
    return VoterTokens((SECRET,), wall_clock).issue(voter_id).token


def operators_ticket() -> str:
    """A ticket that shows an operator's view, in every world."""
    return Tickets((SECRET,), wall_clock).issue(None).ticket


@asynccontextmanager
async def ways(store_url: str, name: str) -> AsyncIterator[tuple[Way, ...]]:
    """The three, each with its world made."""
    taken: list[bytes] = []

    def laned(wiring: ServiceContainer) -> type[asyncio.Protocol]:
        lanes = [_Noting(lane, taken) for lane in wiring.lanes]
        return make_protocol_class(lanes, _NotingSockets(wiring, taken), ConnectionTimeouts(), wiring.clients)

    protocols: dict[str, Protocol] = {
        "lanes": laned,
        "no lanes": lambda _: make_protocol_class((), None, ConnectionTimeouts(HttpLimits())),
        "uvicorn": lambda _: "httptools",
    }
    async with AsyncExitStack() as stack:
        yield tuple(
            [
                await stack.enter_async_context(_way(kind, f"{name}{place}", store_url, protocol, taken))
                for place, (kind, protocol) in enumerate(protocols.items())
            ]
        )


@asynccontextmanager
async def serving(store_url: str, settings: Settings, protocol: Protocol) -> AsyncIterator[Served]:
    """The service behind a protocol of the test's own."""
    store = await open_store(store_url, namespace=settings.namespace)
    wiring = build(settings, store)
    listener = listening("127.0.0.1", 0)
    server = create_server(wiring.app, http=protocol(wiring))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 10)
    try:
        yield Served(listener.getsockname()[1], wiring, server)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()
        await store.close()


def settings_of(
    store_url: str, namespace: str, **changes: Any
) -> Settings:  # Any: each field has its own type
    """Settings alike in every world."""
    return Settings(
        redis_url=store_url,
        secret=SECRET,
        admin_key=ADMIN_KEY,
        namespace=namespace,
        allowed_origins=(NEWS,),
        **changes,
    )


async def make_polls(port: int, polls: dict[str, dict[str, object]]) -> None:
    """Makes the polls, and has each read once, so that this process knows them."""
    key = {"Authorization": f"Bearer {ADMIN_KEY}"}
    options = [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam"}]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for poll, changes in polls.items():
            document = {"id": poll, "kind": "single", "question": "Lunch?", "options": options, **changes}
            made = await http.post("/v1/admin/polls", json=document, headers=key)
            assert made.status_code == 201, made.text
        if "over" in polls:
            await http.post("/v1/admin/polls/over/close", headers=key)
        for poll in polls:
            await http.get(f"/v1/polls/{poll}/results", headers=key)


@asynccontextmanager
async def _way(
    name: str, namespace: str, store_url: str, protocol: Protocol, taken: list[bytes]
) -> AsyncIterator[Way]:
    async with serving(store_url, settings_of(store_url, namespace), protocol) as (port, wiring, _):
        await make_polls(port, POLLS)
        yield Way(name, port, wiring, taken)
