"""Lanes and routes answer alike whatever is sent, also what nobody has thought of."""

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
from tests.http_corpus.raw_client import HttpAnswer, a_turn, next_answer
from tests.http_corpus.request_strategies import requests, segments
from tests.http_corpus.servers import Way, ways
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="package")

LAST = request("GET /livez", "connection: close")
SILENT_S, LATE_S = 0.3, 4.0
"""When a server that says nothing is taken to wait for more, and how long one way may wait for the other."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two_ways(valkey: Valkey) -> AsyncIterator[tuple[Way, ...]]:
    """With lanes and without, in worlds of their own: some of what is made up here are votes that count."""
    async with ways(valkey.url, f"m{secrets.token_hex(3)}") as made:
        yield made[:2]


async def everything_answered(way: Way, sent: list[bytes]) -> list[HttpAnswer]:
    """Every answer until the connection ends, as it must after the last request, if that was heard as one.

    A server that closes before it has read everything resets the connection. What it said until then can
    still be read from the socket, but no more from a transport, which ends where it cannot write.
    """
    loop, heard = asyncio.get_running_loop(), asyncio.StreamReader()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", way.port))
        with contextlib.suppress(ConnectionError):
            for segment in [*sent, LAST]:
                await loop.sock_sendall(client, segment)
                await a_turn()
        with contextlib.suppress(ConnectionError):
            while said := await loop.sock_recv(client, 1 << 16):
                heard.feed_data(said)
    heard.feed_eof()
    answers = []
    while (answer := await next_answer(heard)) is not None:
        answers.append(answer)
    return answers


async def both(ways: tuple[Way, ...], sent: list[bytes]) -> list[list[HttpAnswer] | None]:
    """What each way answers; None where it waits for more."""
    tasks = [asyncio.create_task(everything_answered(way, sent)) for way in ways]
    done, _ = await asyncio.wait(tasks, timeout=SILENT_S)
    if done:
        await asyncio.wait(tasks, timeout=LATE_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [None if task.cancelled() else task.result() for task in tasks]


def agree(by_lane: list[HttpAnswer] | None, by_route: list[HttpAnswer] | None) -> bool:
    """Whether the answers are the same. Where something unreadable comes behind a request that is in flight,
    the connection ends at once: by then a lane has answered, and a route may not have."""
    if by_lane == by_route:
        return True
    if not by_lane or by_lane[-1].status != 400 or by_lane[-1].body["instance"] != "/":
        return False
    return by_route is not None and by_route == by_lane[: len(by_route)]


@effort(250)
@given(sent=st.lists(requests, min_size=1, max_size=2).map(b"".join).flatmap(segments))
async def test_made_up_requests_are_answered_alike(
    two_ways: tuple[Way, ...], caplog: pytest.LogCaptureFixture, sent: list[bytes]
) -> None:
    """Requests put together, damaged and cut at random get the same answers by lane and by route, none of 500
    or above, and nothing is logged as an error."""
    two_ways[0].taken.clear()  # it is printed with a failure
    by_lane, by_route = await both(two_ways, sent)
    assert agree(by_lane, by_route), f"{by_lane} by lane, {by_route} by route"
    assert all(answer.status < 500 for answer in by_lane or ())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
