"""The service under test: a real server with both request paths and polls of every kind."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pollwire_server.settings import Settings
from pollwire_server.store import open_store

from tests.api.conftest import serving
from tests.valkey import running_valkey

KINDS = ("single", "multiple", "rating", "ranked", "prediction")
CHOICES: dict[str, list[object]] = {
    "single": ["a", "b"],
    "multiple": [["a"], ["b", "c"]],
    "rating": [1, 5],
    "ranked": [["c", "a"], ["b"]],
    "prediction": ["a", "c"],
}
"""Valid choices of each kind."""


def draft(kind: str, poll: str) -> dict[str, object]:
    """Return the draft of a valid poll with the options a, b and c."""
    options = [] if kind == "rating" else [{"id": name, "label": name.upper()} for name in "abc"]
    return {"id": poll, "kind": kind, "question": "Which?", "options": options, "revote": "withdraw"}


class LoggedErrors(logging.Handler):
    """The errors that the service logs. Unexpected failures are logged, even if the response is a 503."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        formatter = logging.Formatter()
        trace = formatter.formatException(record.exc_info) if record.exc_info else ""
        self.errors.append(f"{record.name}: {record.getMessage()}\n{trace}")


class World:
    """Running service: its URL, its OpenAPI document, and existing ids."""

    def __init__(self, url: str, settings: Settings, http: httpx.Client, logged: LoggedErrors) -> None:
        self.url = url
        self.http = http
        self.document: dict[str, Any] = http.get("/openapi.json").json()
        self.lasting: dict[str, str] = {}
        """One poll of each kind with votes. No test ends these polls."""
        self.keys: dict[str, str] = {}
        """API keys by scope."""
        self._complaints = logged
        self._admin_key = settings.admin_key or ""

    @property
    def admin(self) -> dict[str, str]:
        """Return the headers of an operator with all scopes."""
        return bearer(self._admin_key)

    def made(self, kind: str, **changes: object) -> str:
        """Create a poll with the options a, b and c, and return its id."""
        poll = f"{kind}-{secrets.token_hex(6)}"
        document = {**draft(kind, poll), **changes}
        answer = self.http.post("/v1/admin/polls", json=document, headers=self.admin)
        assert answer.status_code == 201, answer.text
        return poll

    def make_keys(self) -> None:
        """Create one API key for each scope."""
        for scope in ("polls:read", "results:read", "polls:write", "polls:destroy", "votes:write"):
            wanted = {"name": scope, "scopes": [scope]}
            answer = self.http.post("/v1/admin/keys", json=wanted, headers=self.admin)
            self.keys[scope] = answer.json()["key"]

    def voter(self) -> str:
        """Return the token of a new voter."""
        answer = self.http.post("/v1/voters")
        self.http.cookies.clear()
        token: str = answer.json()["token"]
        return token

    def vote(self, poll: str, choice: object, token: str) -> httpx.Response:
        """Vote and return the response."""
        return self.http.post(f"/v1/polls/{poll}/votes", json={"choice": choice}, headers=bearer(token))

    def check_no_complaints(self) -> None:
        """Check that no error was logged since the last check."""
        errors, self._complaints.errors = self._complaints.errors, []
        assert errors == []


def bearer(token: str) -> dict[str, str]:
    """Return the header with a token or key."""
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def running_world() -> Iterator[World]:
    """Run the service while the block runs."""
    logged = LoggedErrors()
    logging.getLogger().addHandler(logged)
    try:
        with (
            running_valkey() as valkey,
            _service_in_a_thread(valkey.url) as (url, settings),
            httpx.Client(base_url=url, timeout=20) as http,
        ):
            world = World(url, settings, http, logged)
            _people(world)
            yield world
    finally:
        logging.getLogger().removeHandler(logged)


def _people(world: World) -> None:
    for kind in KINDS:
        world.lasting[kind] = world.made(kind)
        for choice in CHOICES[kind]:
            assert world.vote(world.lasting[kind], choice, world.voter()).status_code == 200
    world.make_keys()


@contextmanager
def _service_in_a_thread(store_url: str) -> Iterator[tuple[str, Settings]]:
    started: list[tuple[str, Settings]] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        store = await open_store(store_url, namespace=f"f{secrets.token_hex(4)}")
        try:
            async with serving(store, store_url) as service:
                started.append((service.url, service.settings))
                ready.set()
                await stop.wait()
        finally:
            ready.set()
            await store.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="fuzzed service")
    thread.start()
    try:
        assert ready.wait(30)
        assert started, "the service did not start"
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive(), "the service does not stop"
        loop.close()
