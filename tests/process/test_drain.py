"""Drain of a node: unready, still serving, then stopped."""

from __future__ import annotations

import asyncio
import os
import signal

import httpx
import pytest

from tests.pollwire_process import Up
from tests.process.conftest import Start
from tests.wait import until


async def readiness(service: Up) -> tuple[int, str]:
    """Return the status of ``/readyz`` and the ``Connection`` header of its response."""
    async with httpx.AsyncClient(base_url=service.url, timeout=5) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.headers.get("connection", "")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_node_is_unready_and_serves_for_the_drain_time(up: Start, workers: str) -> None:
    service = await (await up("--workers", workers, POLLWIRE_DRAIN_S="2").start()).ready()
    await service.make_poll()
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=service.url) as client:
        assert (await client.get("/v1/polls/lunch")).headers.get("connection") is None
        service.signal(signal.SIGTERM)
        began = loop.time()
        await until(lambda: _is_unready(service), within_s=1)
        assert (await client.get("/v1/polls/lunch")).headers["connection"] == "close"
        served = 0
        while loop.time() - began < 1.5:
            assert await readiness(service) == (503, "close")
            assert (await service.vote()).status_code == 200
            served += 1
    assert served > 5
    assert await service.ended() == 0
    assert loop.time() - began >= 2
    assert "gracefully" not in service.err


async def _is_unready(service: Up) -> bool:
    return (await readiness(service))[0] == 503


async def test_second_signal_ends_the_drain(up: Start) -> None:
    service = await (await up(POLLWIRE_DRAIN_S="60").start()).ready()
    service.signal(signal.SIGTERM)
    await until(lambda: _is_unready(service), within_s=2)
    service.signal(signal.SIGTERM)
    assert await service.ended(within_s=10) == 0


async def test_worker_that_is_replaced_while_draining_is_unready(up: Start) -> None:
    service = await (await up(POLLWIRE_DRAIN_S="15").start()).ready()
    (worker,) = service.workers
    service.signal(signal.SIGTERM)
    await until(lambda: _is_unready(service), within_s=2)
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: service.err.count("ready (process") == 2, within_s=12)
    await until(lambda: _is_unready(service), within_s=2)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0


async def test_replaced_worker_does_not_make_the_node_unready(up: Start) -> None:
    service = await (await up("--workers", "2", POLLWIRE_DRAIN_S="5").start()).ready()
    replaced, _ = service.workers
    os.kill(replaced.pid, signal.SIGTERM)
    statuses = set()
    while service.err.count("ready (process") < 3:
        statuses.add((await readiness(service))[0])
    assert "Draining" not in service.err
    assert 200 in statuses
    service.signal(signal.SIGTERM)
    service.signal(signal.SIGTERM)
    assert await service.ended() == 0


async def test_drain_time_is_0_in_a_terminal(up: Start) -> None:
    service = await (await up().start()).ready()
    assert await service.stop() == 0
    assert "Draining" not in service.err
