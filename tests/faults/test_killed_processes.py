"""Processes killed during votes: the store, a worker, and all processes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.conftest import Conclude, Serve
from tests.faults.crowd import Crowd, gathered
from tests.faults.scale import SCALE
from tests.pollwire_process import Up
from tests.wait import until

pytestmark = pytest.mark.slow


def started_again(up: Up, end: Callable[[Up], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return a fault that ends the whole service and starts it again with the same data and port."""

    async def harm() -> None:
        up.again_on(up.url.rpartition(":")[2])
        await end(up)
        await (await up.start()).ready()

    return harm


async def test_killed_store_loses_and_duplicates_no_vote(serve: Serve, conclude: Conclude) -> None:
    """Kill the store with ``kill -9`` during votes, repeatedly. Totals must equal the responses."""
    up, secret = await serve()
    killed: set[int] = set()

    async def kill() -> None:
        killed.add(up.store.pid)
        os.kill(up.store.pid, signal.SIGKILL)

    async with gathered(up, secret) as crowd:
        for _ in range(SCALE.store_kills):
            await crowd.round(SCALE.votes_a_kill, kill)
        result = await conclude(crowd, "store killed")
    assert result.again, "the kills met votes on their way"
    assert len(killed) == SCALE.store_kills
    assert "The store ended unexpectedly (SIGKILL)" in up.err  # once: repeated lines are summarized


async def test_killed_worker_loses_and_duplicates_no_vote(serve: Serve, conclude: Conclude) -> None:
    """Kill one of two workers during votes. Its unanswered votes, sent again, must count once."""
    up, secret = await serve("--workers", "2")

    async def kill() -> None:
        killed = up.workers[0]
        os.kill(killed.pid, signal.SIGKILL)
        await until(lambda: len(up.workers) == 2 and killed not in up.workers, within_s=30)

    async with gathered(up, secret) as crowd:
        for _ in range(SCALE.worker_kills):
            await crowd.round(SCALE.votes_a_round, kill)
        await conclude(crowd, "worker killed")


async def test_killed_supervisor_store_and_workers_lose_no_vote(serve: Serve, conclude: Conclude) -> None:

    async def kill_all(up: Up) -> None:
        everybody = [up.pid, up.store.pid, *(worker.pid for worker in up.workers)]
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):  # it went down with the supervisor
                os.kill(pid, signal.SIGKILL)
        await up.ended()

    up, secret = await serve()
    async with gathered(up, secret) as crowd:
        for _ in range(SCALE.all_kills):
            await crowd.round(SCALE.votes_a_round, started_again(up, kill_all))
        await conclude(crowd, "everything killed")


async def test_graceful_shutdown_under_load_keeps_every_answered_vote(
    serve: Serve, conclude: Conclude
) -> None:

    async def stop(up: Up) -> None:
        assert await up.stop() == 0

    up, secret = await serve()
    async with gathered(up, secret) as crowd:
        await crowd.round(SCALE.votes_a_round, started_again(up, stop))
        await conclude(crowd, "stopped in order")


async def test_rolling_restart_of_workers_fails_no_vote(serve: Serve, conclude: Conclude) -> None:
    up, secret = await serve("--workers", "2")

    async def roll() -> None:
        for worker in list(up.workers):
            os.kill(worker.pid, signal.SIGTERM)
            await until(lambda w=worker: len(up.workers) == 2 and w not in up.workers, within_s=30)  # type: ignore[misc]
            await until(lambda: up.err.count(" ready (process ") >= served(), within_s=30)

    def served() -> int:
        return 2 + up.err.count("exited unexpectedly")

    async with gathered(up, secret) as crowd:
        await crowd.round(SCALE.votes_a_round, roll)
        result = await conclude(crowd, "workers restarted in turn")
        _all_at_the_first_try(crowd)
    assert result.again == 0


def _all_at_the_first_try(crowd: Crowd) -> None:
    assert not crowd.journal.unanswered
    assert not crowd.journal.refusals()
