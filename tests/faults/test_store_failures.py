"""Store failures: paused, out of memory, full disk, missing functions, deleted data."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.faults.conftest import Conclude, Serve, open_poll
from tests.faults.crowd import gathered
from tests.faults.journal import POLL
from tests.faults.scale import SCALE
from tests.valkey import Valkey
from tests.wait import until

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def hand_in(server: Valkey) -> AsyncIterator[Any]:  # Any: the client's types want every reply narrowed
    """Connect to the store directly, without the service."""
    client = Redis.from_url(server.url)
    try:
        yield client
    finally:
        await client.aclose()


async def test_paused_store_counts_accepted_votes_once_and_rejects_others(
    serve: Serve, conclude: Conclude, own_valkey: Valkey
) -> None:
    up, secret = await serve("--redis", own_valkey.url)

    async def pause() -> None:
        with own_valkey.paused():
            over_at = time.monotonic() + SCALE.paused_s
            await until(lambda: time.monotonic() >= over_at, SCALE.paused_s + 5)

    async with gathered(up, secret) as crowd:
        await crowd.round(SCALE.votes_a_round, pause)
        result = await conclude(crowd, "store paused")
    assert result.again
    assert result.worst_gap_s < SCALE.paused_s + 5


async def test_full_memory_rejects_votes_and_serves_results(
    serve: Serve, conclude: Conclude, own_valkey: Valkey
) -> None:
    up, secret = await serve("--redis", own_valkey.url)

    async def fill() -> None:
        async with hand_in(own_valkey) as hand, up.client() as client:
            before = len(crowd.journal.unanswered)
            await hand.config_set("maxmemory", 1)
            await until(lambda: len(crowd.journal.unanswered) > before, within_s=10)
            read = await client.get(f"/v1/polls/{POLL['id']}/results")
            await hand.config_set("maxmemory", 0)
        assert read.status_code == 200
        assert sum(read.json()["counts"].values()) == read.json()["voters"]

    async with gathered(up, secret) as crowd:
        await crowd.round(SCALE.votes_a_round, fill)
        await conclude(crowd, "memory full")


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_full_disk_leaves_unwritten_votes_unanswered(
    serve: Serve, conclude: Conclude, own_valkey: Valkey, fsync: str
) -> None:
    """``always`` ends the store. The other settings reject votes."""
    up, secret = await serve("--redis", own_valkey.url)

    async with hand_in(own_valkey) as hand:
        await hand.config_set("appendfsync", fsync)

    async def fill() -> None:
        before = len(crowd.journal.unanswered)
        allowed, most = resource.prlimit(own_valkey.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(own_valkey.pid, resource.RLIMIT_FSIZE, (own_valkey.written + 64, most))
        await until(lambda: len(crowd.journal.unanswered) > before, within_s=10)
        if own_valkey.has_ended:
            own_valkey.restart()
        else:
            resource.prlimit(own_valkey.pid, resource.RLIMIT_FSIZE, (allowed, most))

    async with gathered(up, secret) as crowd:
        await crowd.round(SCALE.votes_a_round, fill)
        await conclude(crowd, f"disk full, fsync {fsync}")


async def test_flushed_functions_are_reloaded_without_failed_votes(
    serve: Serve, conclude: Conclude, own_valkey: Valkey
) -> None:
    up, secret = await serve("--redis", own_valkey.url)

    async def flush() -> None:
        async with hand_in(own_valkey) as hand:
            await hand.execute_command("FUNCTION", "FLUSH")

    async with gathered(up, secret) as crowd:
        for _ in range(2):
            await crowd.round(SCALE.votes_a_round // 2, flush)
        result = await conclude(crowd, "functions flushed")
    assert result.again == 0


async def test_wiped_data_returns_404_and_new_poll_has_later_epoch(serve: Serve, own_valkey: Valkey) -> None:
    """Receipts of the wiped poll do not count."""
    up, secret = await serve("--redis", own_valkey.url)
    path = f"/v1/polls/{POLL['id']}"
    async with gathered(up, secret) as crowd, up.client() as client, hand_in(own_valkey) as hand:
        await crowd.vote(crowd.ballots(100))
        ((_, counted), *_) = crowd.journal.responses_with("counted")
        before = (await client.get(f"{path}/results")).json()
        await hand.flushall()
        assert (await client.get(f"{path}/results")).status_code == 404
        late = crowd.ballots(1)
        await crowd.vote(late)
        assert crowd.journal.refusals() == {"poll-not-found": 1}
        receipt = {"receipt": counted["receipt"]}
        assert (await client.post(f"{path}/receipts", json=receipt)).status_code == 404
        await open_poll(up)
        after = (await client.get(f"{path}/results")).json()
        assert after["epoch"] > before["epoch"]
        assert after["voters"] == 0
        checked = (await client.post(f"{path}/receipts", json=receipt)).json()
        assert (checked["valid"], checked["counted"]) == (True, False)
        await crowd.vote(late)
        await until(lambda: all(watcher.latest["voters"] == 1 for watcher in crowd.watchers), within_s=20)
        assert not sum(watcher.fell for watcher in crowd.watchers)


async def test_store_killed_repeatedly_is_restarted_with_growing_pauses(serve: Serve) -> None:
    up, _ = await serve()
    for _ in range(3):
        store = up.store
        os.kill(store.pid, signal.SIGKILL)
        await until(lambda gone=store: up.store != gone, within_s=10)  # type: ignore[misc]
    async with up.client() as client:

        async def answers() -> bool:
            return (await client.get(f"/v1/polls/{POLL['id']}/results")).status_code == 200

        await until(answers, within_s=10)
    assert "The store ended unexpectedly" in up.err  # once at first: repeated lines are summarized
