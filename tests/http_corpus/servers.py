"""Three servers for the same application: with the fast path, without it, and with uvicorn's own protocol.

Each server has a namespace of its own in the store with the same polls in it. So the same requests in the
same order have the same effects.
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
from pollwire_server.auth.api_keys import ADMIN_KEY_ID
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.auth.tickets import Ticket, Tickets
from pollwire_server.auth.voter_tokens import VoterTokens
from pollwire_server.http_protocol import (
    ConnectionTimeouts,
    FastPathRouter,
    Handler,
    Headers,
    HttpLimits,
    make_protocol_class,
)
from pollwire_server.server import Server, create_server, open_listener
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store

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
"""The polls in each namespace. ``over`` is closed at once."""

Protocol = Callable[[ServiceContainer], str | type[asyncio.Protocol]]


class CorpusServer(NamedTuple):
    """One server for the application."""

    name: str
    port: int
    container: ServiceContainer
    fast_paths: list[bytes]
    """Requests that took the fast path."""
    store: Store

    async def cache_polls(self) -> None:
        """Read polls that are not cached, because the fast path serves cached polls only.

        A pause of the event loop, as on a busy machine, ends the subscription to change notifications. All
        polls are then forgotten, because notifications may have been lost.
        """
        for poll in POLLS:
            if self.store.polls.cached(poll) is None:
                await self.store.polls.get(poll)


class Served(NamedTuple):
    """A running service and its server."""

    port: int
    container: ServiceContainer
    server: Server
    store: Store


class _RecordingRouter:
    """A router that records the requests it matches."""

    def __init__(self, router: FastPathRouter, fast_paths: list[bytes]) -> None:
        self._router = router
        self._fast_paths = fast_paths

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        handler = self._router.match(method, url, headers)
        if handler is None:
            return None

        def recording_handler(request: Any, respond: Any) -> None:  # Any: passed on as they are
            self._fast_paths.append(b"%b %b" % (method, url))
            handler(request, respond)

        return recording_handler


class _RecordingAcceptor:
    """An acceptor that records the handshakes it accepts."""

    def __init__(self, container: ServiceContainer, fast_paths: list[bytes]) -> None:
        self._acceptor = container.websocket_acceptor
        self._fast_paths = fast_paths

    def accept(self, url: bytes, *rest: Any, client: ClientAddress) -> bool:  # Any: passed on as they are
        accepted = self._acceptor.accept(url, *rest, client=client)
        if accepted:
            self._fast_paths.append(b"SOCKET %b" % url)
        return accepted


def voter(name: str) -> str:
    """Return the token of the voter with this name, valid in every namespace."""
    voter_id = blake2b(name.encode(), digest_size=16).digest()
    return VoterTokens((SECRET,), wall_clock).issue(voter_id).token


def admin_ticket() -> str:
    """Return a ticket with the admin's view, valid in every namespace."""
    return Tickets((SECRET,), wall_clock).issue(Ticket(None, bytes.fromhex(ADMIN_KEY_ID))).ticket


@asynccontextmanager
async def start_servers(store_url: str, name: str) -> AsyncIterator[tuple[CorpusServer, ...]]:
    """Start the three servers and create their polls."""
    fast_paths: list[bytes] = []

    def with_fast_path(container: ServiceContainer) -> type[asyncio.Protocol]:
        routers = [_RecordingRouter(router, fast_paths) for router in container.fast_path_routers]
        return make_protocol_class(
            routers,
            _RecordingAcceptor(container, fast_paths),
            ConnectionTimeouts(),
            container.client_addresses,
            cors=container.cors,
        )

    protocols: dict[str, Protocol] = {
        "fast path": with_fast_path,
        "ASGI path": lambda _: make_protocol_class((), None, ConnectionTimeouts(HttpLimits())),
        "uvicorn": lambda _: "httptools",
    }
    async with AsyncExitStack() as stack:
        yield tuple(
            [
                await stack.enter_async_context(
                    _start_server(kind, f"{name}{place}", store_url, protocol, fast_paths)
                )
                for place, (kind, protocol) in enumerate(protocols.items())
            ]
        )


@asynccontextmanager
async def serving(store_url: str, settings: Settings, protocol: Protocol) -> AsyncIterator[Served]:
    """Run the service with this protocol class."""
    store = await open_store(store_url, namespace=settings.namespace)
    container = build(settings, store)
    listener = open_listener("127.0.0.1", 0)
    server = create_server(container.app, http=protocol(container))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(server.is_serving.wait(), 10)
    try:
        yield Served(listener.getsockname()[1], container, server, store)
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()
        await store.close()


def settings_of(
    store_url: str, namespace: str, **changes: Any
) -> Settings:  # Any: each field has its own type
    """Return settings that are the same in every namespace."""
    return Settings(
        redis_url=store_url,
        secret=SECRET,
        admin_key=ADMIN_KEY,
        namespace=namespace,
        allowed_origins=(NEWS,),
        **changes,
    )


async def make_polls(port: int, polls: dict[str, dict[str, object]]) -> None:
    """Create the polls and read each once, so that this process has them in its cache."""
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
async def _start_server(
    name: str, namespace: str, store_url: str, protocol: Protocol, fast_paths: list[bytes]
) -> AsyncIterator[CorpusServer]:
    async with serving(store_url, settings_of(store_url, namespace), protocol) as (port, container, _, store):
        await make_polls(port, POLLS)
        yield CorpusServer(name, port, container, fast_paths, store)
