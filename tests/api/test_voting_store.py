"""Votes while the store is unavailable, slow or has lost data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pollwire_server.store import open_store

from tests.api.conftest import Service, serving
from tests.valkey import Valkey
from tests.wait import until

ANSWERED_WITHIN_S = 1.0
BACK_WITHIN_S = 2.0


@pytest_asyncio.fixture(loop_scope="session")
async def frail(own_valkey: Valkey) -> AsyncIterator[Service]:
    """Run a service over a store that the test may stop or pause."""
    store = await open_store(own_valkey.url, namespace="frail")
    async with serving(store, own_valkey.url) as service:
        yield service
    await store.close()


def fault(valkey: Valkey, kind: str) -> AbstractContextManager[None]:
    """Stop the store, or freeze it with its sockets open, while the block runs."""
    return valkey.away() if kind == "away" else valkey.paused()


async def timed(asking: Any) -> tuple[float, httpx.Response]:  # Any: a coroutine of a Response
    """Return the duration of a request in seconds, and its response."""
    begun = time.monotonic()
    answer: httpx.Response = await asking
    return time.monotonic() - begun, answer


@pytest.mark.parametrize("kind", ["away", "paused"])
async def test_vote_unavailable_store_returns_503_within_a_second(
    frail: Service, own_valkey: Valkey, kind: str
) -> None:
    poll = await frail.create_poll()
    tokens = [await frail.voter() for _ in range(20)]
    with fault(own_valkey, kind):
        for batch in (tokens[:10], tokens[10:]):
            answers = await asyncio.gather(
                *(timed(frail.vote(poll["id"], "rice", token)) for token in batch),
                timed(frail.vote("unknown", "rice", batch[0])),
                timed(frail.http.post(f"/v1/polls/{poll['id']}/receipts", json={"receipt": "x"})),
            )
            for took_s, answer in answers:
                assert answer.status_code == 503
                assert answer.json()["type"] == "/problems/store-unavailable"
                assert int(answer.headers["retry-after"]) >= 1
                assert took_s < ANSWERED_WITHIN_S
        # A registration counts against the limits of its network, which are in the store.
        took_s, registered = await timed(frail.http.post("/v1/voters"))
        assert registered.status_code == 503
        assert took_s < ANSWERED_WITHIN_S
        frail.http.cookies.clear()

    async def counts_again() -> bool:
        return (await frail.vote(poll["id"], "rice", tokens[0])).status_code == 200

    await until(counts_again, within_s=BACK_WITHIN_S)
    retried = await asyncio.gather(*(frail.vote(poll["id"], "rice", token) for token in tokens))
    assert {answer.status_code for answer in retried} == {200}
    results = (await frail.admin.get(f"/v1/admin/polls/{poll['id']}/results")).json()
    assert (results["voters"], results["counts"]["rice"]) == (20, 20)


async def test_vote_invalid_token_with_unreadable_poll_returns_503(
    frail: Service, own_valkey: Valkey
) -> None:
    poll = await frail.create_poll()
    await frail.vote(poll["id"], "rice", await frail.voter())
    with own_valkey.away():
        assert (await frail.vote(poll["id"], "rice", "bad")).status_code == 503
