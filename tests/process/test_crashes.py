"""``pollwire up`` after failures: killed stores, workers and supervisors, and a second signal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections import Counter
from contextlib import suppress

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.pollwire_process import Up
from tests.process.conftest import Start
from tests.valkey import Valkey
from tests.wait import until


async def votes(service: Up) -> bool:
    """Return True if a vote counts."""
    with suppress(httpx.TransportError):
        return (await service.vote()).status_code == 200
    return False


async def test_killed_store_is_back_within_two_seconds(up: Start) -> None:
    service = await (await up().start()).ready()
    await service.make_poll()
    assert (await service.vote()).status_code == 200
    before = await service.voters()
    store = service.store
    os.kill(store.pid, signal.SIGKILL)
    await until(lambda: not store.runs)
    await until(lambda: votes(service), within_s=2)
    assert await service.voters() == before + 1


async def test_frozen_store_returns_503_within_a_second(up: Start) -> None:
    service = await (await up().start()).ready()
    await service.make_poll()
    store, token = service.store, await service.new_voter()
    os.kill(store.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(1.5):
            answer = await service.vote(token=token)
    finally:
        os.kill(store.pid, signal.SIGCONT)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    await until(lambda: votes(service), within_s=2)


async def test_killed_supervisor_leaves_no_process_and_no_port(up: Start) -> None:
    first = await (await up("--workers", "2").start()).ready()
    await first.make_poll()
    assert (await first.vote()).status_code == 200
    processes = [first.store, *first.workers]
    first.signal(signal.SIGKILL)
    await first.ended()
    await until(lambda: not [process for process in processes if process.runs], within_s=5)
    second = await (await up().start()).ready()
    assert await second.voters() == 1


async def test_start_after_killed_supervisor_takes_over_the_port(up: Start) -> None:
    first = await (await up().start()).ready()
    await first.make_poll()
    workers = first.workers
    first.signal(signal.SIGKILL)
    await first.ended()
    second = await (await up("--port", first.url.rpartition(":")[2]).start()).ready()
    assert not [worker for worker in workers if worker.runs]
    assert await votes(second)


async def test_killed_worker_is_replaced_on_its_listener(up: Start) -> None:
    """Connections made meanwhile wait and are answered."""
    service = await (await up().start()).ready()
    await service.make_poll()
    (worker,) = service.workers
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: not worker.runs)
    async with httpx.AsyncClient(base_url=service.url, timeout=20) as client:
        assert (await client.get("/v1/polls/lunch")).status_code == 200
    (replacement,) = service.workers
    assert replacement != worker


async def test_one_of_two_killed_workers_is_replaced(up: Start) -> None:
    service = await (await up("--workers", "2").start()).ready()
    killed, other = service.workers
    os.kill(killed.pid, signal.SIGKILL)
    await until(lambda: killed not in service.workers and len(service.workers) == 2)
    assert other in service.workers
    assert other.runs


async def test_shutdown_sends_reconnect_then_closes_with_1012(up: Start) -> None:
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


async def test_second_signal_stops_frozen_worker(up: Start) -> None:
    service = await (await up().start()).ready()
    (worker,) = service.workers
    os.kill(worker.pid, signal.SIGSTOP)
    service.signal(signal.SIGTERM)
    await until(lambda: "Service stopping" in service.err)
    service.signal(signal.SIGTERM)
    assert await service.ended(within_s=6) == 0
    assert not worker.runs


async def test_incomplete_requests_do_not_delay_shutdown_and_are_no_error(up: Start) -> None:
    service = await (await up().start()).ready()
    await service.make_poll()
    upload = (
        "POST /v1/admin/polls/lunch/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        f"Content-Type: application/x-ndjson\r\nAuthorization: Bearer {service.key}\r\n\r\n"
    )
    writers = []
    for request in ("POST /v1/voters HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", upload):
        reader, writer = await asyncio.open_connection(*service.address)
        writer.write(request.encode() + b"{")
        await writer.drain()
        writers.append(writer)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"  # results of an upload start before its end
    service.signal(signal.SIGTERM)
    assert await service.ended(within_s=10) == 0
    assert " ERROR " not in service.err, service.err
    assert "with an incomplete request closed" in service.err
    for writer in writers:
        writer.close()


async def test_outage_of_the_store_logs_few_lines(up: Start, own_valkey: Valkey) -> None:
    environ = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}
    service = await (await up("--workers", "2", "--redis", own_valkey.url, **environ).start()).ready()
    before = len(service.err.splitlines())
    with own_valkey.away():
        await until(lambda: service.err.count("does not respond") >= 2, within_s=5)
        await until(lambda: service.err.count("such lines in the interval") >= 2, within_s=25)
    await until(lambda: service.err.count("responds") >= 2, within_s=15)
    lines = service.err.splitlines()[before:]
    retries = sum(int(number) for number in re.findall(r"\(([0-9]+) such lines", "\n".join(lines)))
    assert retries > 20, lines
    # Per worker, a kind of line (an error, or the recovery) is logged at once, and again after 10 s and 30 s.
    kinds = Counter(_kind_of(line) for line in lines)
    assert max(kinds.values()) <= 2 * 3, kinds


def _kind_of(line: str) -> str:
    """Return a log line without its time, its count and its numbers."""
    text = re.sub(r" \([0-9,]+ such lines in the interval\)", "", line.partition(" ")[2])
    return re.sub(r"[\w-]*[0-9][\w-]*", "", text)
