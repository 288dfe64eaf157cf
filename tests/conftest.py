"""The real store under every test: one server a session, one namespace a test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from service.store import Store, open_store
from tests.valkey import Valkey, running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A real server on a Unix socket, shared by the session; a test that harms it must restart it."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A real server for one test alone, to be paused, killed or emptied."""
    with running_valkey() as server:
        yield server


@pytest.fixture
async def store(valkey: Valkey) -> AsyncIterator[Store]:
    """The store's rooms in a namespace that no other test sees."""
    opened = await open_store(valkey.url, namespace=f"t{secrets.token_hex(4)}")
    yield opened
    await opened.close()
