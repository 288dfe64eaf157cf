"""The whole service on a real port, in the event loop of the tests.

A test that needs no settings of its own shares ``service`` with the other tests of its module.
Its polls have random ids, so tests see one another's polls only in lists. A test that lists all
polls, stops the service or changes settings starts its own with ``own_service`` or ``serve``.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from pollwire_server.server import running_service
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store

from tests.event_loops import run_on_session_loop
from tests.valkey import PATIENT_REPLY_TIMEOUT_S, Valkey

LUNCH: dict[str, object] = {
    "kind": "single",
    "question": "Rice or yam?",
    "options": [{"id": "rice", "label": "Rice"}, {"id": "yam", "label": "Yam"}],
}
"""Poll that is open from its creation and accepts one vote for each voter."""


@dataclass(frozen=True)
class Service:
    """A running service, with a public client (``http``) and an operator's client (``admin``)."""

    url: str
    http: httpx.AsyncClient
    admin: httpx.AsyncClient
    store: Store
    settings: Settings

    @property
    def ws_url(self) -> str:
        """Return the base URL of WebSockets (RFC 6455)."""
        return self.url.replace("http", "ws", 1)

    async def create_poll(self, **changes: object) -> dict[str, Any]:
        """Create a poll from ``LUNCH`` with ``changes``, and return it as operators read it."""
        document = {"id": f"poll-{secrets.token_hex(5)}", **LUNCH, **changes}
        answer = await self.admin.post("/v1/admin/polls", json=document)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def act(self, poll: str, action: str, **body: object) -> dict[str, Any]:
        """Perform an operator action, which must succeed, and return the poll."""
        answer = await self.admin.post(f"/v1/admin/polls/{poll}/{action}", json=body)
        assert answer.status_code == 200, answer.text
        after: dict[str, Any] = answer.json()
        return after

    async def voter(self) -> str:
        """Register a new voter and return the token."""
        answer = await self.http.post("/v1/voters")
        assert answer.status_code == 201, answer.text
        self.http.cookies.clear()  # with a cookie the next voter would be the same one
        token: str = answer.json()["token"]
        return token

    async def vote(
        self, poll: str, choice: object, token: str | None = None, **body: object
    ) -> httpx.Response:
        """Send a vote and return the response with any status."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.http.post(
            f"/v1/polls/{poll}/votes", json={"choice": choice, **body}, headers=headers
        )


Serve = Callable[..., AbstractAsyncContextManager[Service]]


@asynccontextmanager
async def serving(store: Store, store_url: str, **changes: object) -> AsyncIterator[Service]:
    """Run the service over ``store``, with ``changes`` to its settings, while the block runs."""
    settings = msgspec.structs.replace(
        Settings(
            port=0,
            redis_url=store_url,
            secret=secrets.token_urlsafe(32),
            admin_key=secrets.token_urlsafe(24),
            namespace=store.connection.namespace,
        ),
        **changes,
    )
    key = {"Authorization": f"Bearer {settings.admin_key}"}
    # Without TLS there is no need to load all CA certificates, which is slow.
    async with (
        running_service(settings, store_url) as url,
        httpx.AsyncClient(base_url=url, timeout=10, verify=False) as http,
        httpx.AsyncClient(base_url=url, timeout=10, verify=False, headers=key) as admin,
    ):
        yield Service(url, http, admin, store, settings)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests on the session's loop, on which the shared service runs."""
    run_on_session_loop(items, Path(__file__).parent)


@asynccontextmanager
async def own_store(valkey: Valkey) -> AsyncIterator[Store]:
    """Open a store in a namespace of its own."""
    new_store = await open_store(
        valkey.url, namespace=f"t{secrets.token_hex(4)}", reply_timeout_s=PATIENT_REPLY_TIMEOUT_S
    )
    yield new_store
    await new_store.close()


@pytest_asyncio.fixture(loop_scope="session")
async def store(valkey: Valkey) -> AsyncIterator[Store]:
    """Open a store in a namespace that no other test uses."""
    async with own_store(valkey) as new_store:
        yield new_store


@pytest.fixture
def serve(store: Store, valkey: Valkey) -> Serve:
    """Return a function that starts a service: ``async with serve(stream_hz=50) as service``."""

    def start(**changes: object) -> AbstractAsyncContextManager[Service]:
        return serving(store, valkey.url, **changes)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(valkey: Valkey) -> AsyncIterator[Service]:
    """Run a service with default settings, shared by the tests of a module."""
    async with own_store(valkey) as new_store, serving(new_store, valkey.url) as default_service:
        yield default_service


@pytest_asyncio.fixture(loop_scope="session")
async def own_service(serve: Serve) -> AsyncIterator[Service]:
    """Run a service with default settings for one test."""
    async with serve() as default_service:
        yield default_service
