"""The ways of this folder's tests, made once, on the event loop that the service runs on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping

import pytest_asyncio
import uvloop

from tests.http_corpus.servers import Way, ways
from tests.valkey import Valkey


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Buffers and segments are what they are in the service only on its own loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def all_ways(valkey: Valkey) -> AsyncIterator[tuple[Way, ...]]:
    """With lanes, without, and uvicorn's own."""
    async with ways(valkey.url, f"c{secrets.token_hex(3)}") as made:
        yield made
