"""Real store for all tests: one server per session, one namespace per test."""

from __future__ import annotations

import gc
import re
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from pollwire_server.server import GC_THRESHOLD_OBJECTS
from pollwire_server.store import Store, open_store
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.valkey import PATIENT_REPLY_TIMEOUT_S, Valkey, running_valkey

ORDERED_FOLDERS = ("tests/http_corpus",)
"""Folders whose tests share servers with a state that grows from test to test: one process runs them all."""
MAX_ID_LENGTH = 60


class FileScheduling(LoadFileScheduling):
    """Give every file, whose tests share services, and every ordered folder to one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in ORDERED_FOLDERS if file.startswith(f"{folder}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    """Schedule by file and ordered folder, with the largest first."""
    return FileScheduling(config, log)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name cases by their documents and lists, which pytest would number: ``choice=rice``, not ``body3``."""
    if isinstance(val, dict):
        text = ",".join(f"{name}={value!r}" for name, value in val.items()) or "{}"
    elif isinstance(val, list | tuple | set | frozenset):
        reprs = map(repr, val) if isinstance(val, list | tuple) else sorted(map(repr, val))
        text = ",".join(reprs) or f"{type(val).__name__}()"
    elif isinstance(val, str | bytes) and len(val) > MAX_ID_LENGTH:
        text = repr(val)
    else:
        return None
    words = re.sub(r" at 0x[0-9a-f]+|['\"]", "", text)
    return re.sub(r"[^\w.,:=+*/{}()<>-]+", "-", words, flags=re.ASCII).strip("-")[:MAX_ID_LENGTH] or None


def pytest_collection_finish() -> None:
    """Tune the garbage collector as a worker does. By default it would traverse all of pytest's objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 20, 20)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Run a server on a Unix socket for the session. A test that harms it must restart it."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """Run a server for one test, which may pause or kill it, delete its data or fill its disk."""
    with running_valkey(on_disk=True) as server:
        yield server


@pytest.fixture
async def store(valkey: Valkey) -> AsyncIterator[Store]:
    """Open a store in a namespace of its own."""
    new_store = await open_store(
        valkey.url, namespace=f"t{secrets.token_hex(4)}", reply_timeout_s=PATIENT_REPLY_TIMEOUT_S
    )
    yield new_store
    await new_store.close()
