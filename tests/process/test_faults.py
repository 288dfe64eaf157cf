"""What ``pollwire up`` survives: killed stores, killed workers, its own death, and hurried operators."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.pollwire_process import Up
from tests.process.conftest import Start
from tests.wait import until


async def votes(service: Up) -> bool:
    """Whether a vote counts just now."""
    with suppress(httpx.TransportError):
        return (await service.vote()).status_code == 200
    return False


async def test_a_killed_store_is_back_within_two_seconds(up: Start) -> None:
    """After ``kill -9`` of the store votes count again within 2 s, and none answered before is lost."""
    service = await (await up().start()).ready()
    await service.make_poll()
    assert (await service.vote()).status_code == 200
    before = await service.voters()
    store = service.store
    os.kill(store.pid, signal.SIGKILL)
    await until(lambda: not store.runs)
    await until(lambda: votes(service), within_s=2)
    assert await service.voters() == before + 1


async def test_without_its_store_it_refuses_at_once(up: Start) -> None:
    """While the store is frozen a vote is answered 503 with Retry-After, within a second and a bit."""
    service = await (await up().start()).ready()
    await service.make_poll()
    store = service.store
    os.kill(store.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(1.5):
            answer = await service.vote()
    finally:
        os.kill(store.pid, signal.SIGCONT)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    await until(lambda: votes(service), within_s=2)


async def test_a_killed_supervisor_leaves_no_process_and_no_port(up: Start) -> None:
    """After ``kill -9`` of the supervisor store and workers end too, and the next start has the data."""
    first = await (await up("--workers", "2").start()).ready()
    await first.make_poll()
    assert (await first.vote()).status_code == 200
    processes = [first.store, *first.workers]
    first.signal(signal.SIGKILL)
    await first.ended()
    await until(lambda: not [process for process in processes if process.runs], within_s=5)
    second = await (await up().start()).ready()
    assert await second.voters() == 1


async def test_a_start_right_after_a_kill_takes_the_port_over(up: Start) -> None:
    """A start that finds workers of a killed supervisor waits for them, and has the port to itself."""
    first = await (await up().start()).ready()
    await first.make_poll()
    workers = first.workers
    first.signal(signal.SIGKILL)
    await first.ended()
    second = await (await up("--port", first.url.rpartition(":")[2]).start()).ready()
    assert not [worker for worker in workers if worker.runs]
    assert await votes(second)


async def test_a_killed_worker_is_replaced_on_its_listener(up: Start) -> None:
    """After ``kill -9`` of the only worker, connections made meanwhile wait and are answered."""
    service = await (await up().start()).ready()
    await service.make_poll()
    (worker,) = service.workers
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: not worker.runs)
    async with httpx.AsyncClient(base_url=service.url, timeout=20) as client:
        assert (await client.get("/v1/polls/lunch")).status_code == 200
    (replacement,) = service.workers
    assert replacement != worker


async def test_a_worker_killed_beside_another_is_replaced(up: Start) -> None:
    """One of two workers dies; the other goes on, and there are two again."""
    service = await (await up("--workers", "2").start()).ready()
    killed, other = service.workers
    os.kill(killed.pid, signal.SIGKILL)
    await until(lambda: killed not in service.workers and len(service.workers) == 2)
    assert other in service.workers
    assert other.runs


async def test_readers_are_told_to_come_back_before_a_stop(up: Start) -> None:
    """A reader of a stopping service gets ``reconnect`` with a time, then 1012; the service still exits 0."""
    service = await (await up().start()).ready()
    await service.make_poll()
    async with connect(f"{service.url.replace('http', 'ws')}/v1/polls/lunch/live") as reader:
        assert json.loads(await reader.recv())["type"] == "results"
        service.signal(signal.SIGTERM)
        assert json.loads(await reader.recv())["type"] == "reconnect"
        with suppress(ConnectionClosed):
            await reader.recv()
        assert reader.close_code == 1012
    assert await service.ended() == 0


async def test_a_second_signal_hurries(up: Start) -> None:
    """A worker that cannot drain, being frozen, is not waited for once somebody asks again."""
    service = await (await up().start()).ready()
    (worker,) = service.workers
    os.kill(worker.pid, signal.SIGSTOP)
    service.signal(signal.SIGTERM)
    await until(lambda: "The service stops" in service.err)
    service.signal(signal.SIGTERM)
    assert await service.ended(within_s=6) == 0
    assert not worker.runs


async def test_a_worker_outlives_a_slow_request_not_its_grace(up: Start) -> None:
    """A client that never ends its request does not keep a stop waiting beyond the grace."""
    service = await (await up().start()).ready()
    host, port = service.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/voters HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    await writer.drain()
    service.signal(signal.SIGTERM)
    assert await service.ended(within_s=8) == 0
    writer.close()
