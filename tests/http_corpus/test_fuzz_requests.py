"""Random requests: the same responses on the fast path and the ASGI path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.settings import effort
from tests.http_corpus.case import request
from tests.http_corpus.raw_client import HttpAnswer, let_server_read, next_answer
from tests.http_corpus.request_strategies import requests, segments
from tests.http_corpus.servers import CorpusServer, start_servers
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

LAST = request("GET /livez", "connection: close")
SILENCE_S, MAX_DELAY_S = 0.3, 4.0
"""Time after which a silent server is assumed to wait for data, and maximum delay between both servers."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two_servers(valkey: Valkey) -> AsyncIterator[tuple[CorpusServer, ...]]:
    """Servers with and without the fast path, in namespaces of their own because some random votes count."""
    async with start_servers(valkey.url, f"m{secrets.token_hex(3)}") as made:
        yield made[:2]


async def all_responses(target: CorpusServer, sent: list[bytes]) -> list[HttpAnswer]:
    """Return every response until the connection ends, which the last request asks for.

    A server that closes before it has read everything resets the connection. Its responses can then still be
    read from the socket, but not from a transport, which closes when a write fails.
    """
    loop, received = asyncio.get_running_loop(), asyncio.StreamReader()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", target.port))
        with contextlib.suppress(ConnectionError):
            for segment in [*sent, LAST]:
                await loop.sock_sendall(client, segment)
                await let_server_read()
        with contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(client, 1 << 16):
                received.feed_data(data)
    received.feed_eof()
    answers = []
    while (answer := await next_answer(received)) is not None:
        answers.append(answer)
    return answers


async def responses_of_both(
    servers: tuple[CorpusServer, ...], sent: list[bytes]
) -> list[list[HttpAnswer] | None]:
    """Return the responses of each server. None means that the server waits for more data."""
    tasks = [asyncio.create_task(all_responses(target, sent)) for target in servers]
    done, _ = await asyncio.wait(tasks, timeout=SILENCE_S)
    if done:
        await asyncio.wait(tasks, timeout=MAX_DELAY_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [None if task.cancelled() else task.result() for task in tasks]


def agree(by_fast_path: list[HttpAnswer] | None, by_asgi: list[HttpAnswer] | None) -> bool:
    """Return True if the responses are the same.

    Invalid data behind a request in flight ends the connection. By then the fast path has answered, and the
    ASGI path may not have.
    """
    if by_fast_path == by_asgi:
        return True
    if not by_fast_path or by_fast_path[-1].status != 400 or by_fast_path[-1].body["instance"] != "/":
        return False
    return by_asgi is not None and by_asgi == by_fast_path[: len(by_asgi)]


@effort(250)
@given(sent=st.lists(requests, min_size=1, max_size=2).map(b"".join).flatmap(segments))
async def test_random_requests_get_the_same_responses_on_both_paths(
    two_servers: tuple[CorpusServer, ...], caplog: pytest.LogCaptureFixture, sent: list[bytes]
) -> None:
    """No error is logged, and the only statuses above 499 are those for unsupported framing and versions."""
    two_servers[0].fast_paths.clear()  # it is printed if the test fails
    by_fast_path, by_asgi = await responses_of_both(two_servers, sent)
    assert agree(by_fast_path, by_asgi), f"{by_fast_path} on the fast path, {by_asgi} on the ASGI path"
    assert all(answer.status < 500 or answer.status in (501, 505) for answer in by_fast_path or ())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
