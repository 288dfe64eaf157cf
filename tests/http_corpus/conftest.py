"""The corpus servers, created once per package, on the event loop that the service uses."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping

import pytest_asyncio
import uvloop

from tests.http_corpus.servers import CorpusServer, start_servers
from tests.valkey import Valkey


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Use uvloop, because buffers and segments depend on the event loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def all_servers(valkey: Valkey) -> AsyncIterator[tuple[CorpusServer, ...]]:
    """Servers with the fast path, without it, and with uvicorn's own protocol."""
    async with start_servers(valkey.url, f"c{secrets.token_hex(3)}") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="package")
async def cached_polls(all_servers: tuple[CorpusServer, ...]) -> None:
    """Let each server have all polls in its cache when the test starts."""
    for server in all_servers:
        await server.cache_polls()
