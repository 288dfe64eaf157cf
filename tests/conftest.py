"""The real store under every test: one server a session, one namespace a test."""

from __future__ import annotations

import gc
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from pollwire_server.server import GC_THRESHOLD_OBJECTS
from pollwire_server.store import Store, open_store

from tests.valkey import Valkey, running_valkey


def pytest_collection_finish() -> None:
    """The collector works as it does in a worker: by default it would read through all of pytest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 20, 20)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A real server on a Unix socket, shared by the session; a test that harms it must restart it."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A real server for one test alone, to be paused, killed or emptied, or to have its disk filled."""
    with running_valkey(on_disk=True) as server:
        yield server


@pytest.fixture
async def store(valkey: Valkey) -> AsyncIterator[Store]:
    """The store's rooms in a namespace that no other test sees."""
    opened = await open_store(valkey.url, namespace=f"t{secrets.token_hex(4)}")
    yield opened
    await opened.close()
