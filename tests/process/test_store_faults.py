"""``pollwire up`` on a store that rejects writes or the function library while it runs."""

from __future__ import annotations

import os
import signal

import httpx
import pytest
from pollwire_server.store import open_store
from pollwire_server.telemetry.log_throttle import FIRST_INTERVAL_S

from tests.pollwire_process import Up
from tests.process.conftest import Start
from tests.valkey import Valkey
from tests.wait import until

ENVIRON = {"POLLWIRE_SECRET": "s" * 32, "POLLWIRE_ADMIN_KEY": "k" * 32}


async def send(valkey: Valkey, *words: str) -> None:
    """Send one command to the server."""
    store = await open_store(valkey.url)
    await store.connection.client.execute_command(*words)
    await store.close()


async def replace_worker(service: Up, number: signal.Signals) -> None:
    """Signal the first of two workers, and wait until its replacement is ready.

    Every replacement is logged at once: the throttle of repeated lines does not hold it back.
    """
    ended, other = service.workers
    ready = service.err.count("ready (process")
    os.kill(ended.pid, number)
    await until(lambda: service.err.count("ready (process") > ready, FIRST_INTERVAL_S - 1)
    assert ended not in service.workers
    assert other in service.workers


@pytest.mark.parametrize(
    ("command", "undo"),
    [
        (("CONFIG", "SET", "maxmemory", "1mb"), ("CONFIG", "SET", "maxmemory", "0")),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["full memory", "no replicas", "read-only replica"],
)
async def test_store_that_rejects_writes_ends_neither_workers_nor_start(
    up: Start, own_valkey: Valkey, command: tuple[str, ...], undo: tuple[str, ...]
) -> None:
    service = await (await up("--workers", "2", "--redis", own_valkey.url, **ENVIRON).start()).ready()
    await service.make_poll()
    await send(own_valkey, *command)
    await replace_worker(service, signal.SIGTERM)
    await replace_worker(service, signal.SIGKILL)
    assert await service.voters() == 0
    assert await service.stop() == 0
    later = await (await up("--redis", own_valkey.url, **ENVIRON).start()).ready()
    assert await later.voters() == 0
    async with httpx.AsyncClient(base_url=later.url) as client:
        assert (await client.get("/readyz")).json()["status"] == "degraded"
    await send(own_valkey, *undo)

    async def votes() -> bool:
        return (await later.vote()).status_code == 200

    await until(votes, within_s=5)


async def test_worker_whose_login_is_refused_does_not_end_its_sibling(up: Start, own_valkey: Valkey) -> None:
    await send(own_valkey, "ACL", "SETUSER", "polls", "on", ">first", "~*", "&*", "+@all")
    url = own_valkey.url.replace("unix://", "unix://polls:first@")
    service = await (await up("--workers", "2", "--redis", url, **ENVIRON).start()).ready()
    await send(own_valkey, "ACL", "SETUSER", "polls", ">second", "<first")
    ended, other = service.workers
    os.kill(ended.pid, signal.SIGKILL)
    await until(lambda: "Trying again" in service.err, within_s=20)
    assert service.runs
    assert other.runs
    await send(own_valkey, "ACL", "SETUSER", "polls", ">first")
    await until(lambda: service.err.count("ready (process") == 3, within_s=20)


async def test_requested_stop_of_worker_or_store_is_not_an_error(up: Start) -> None:
    service = await (await up("--workers", "2").start()).ready()
    await replace_worker(service, signal.SIGTERM)
    await replace_worker(service, signal.SIGINT)
    store = service.store
    os.kill(store.pid, signal.SIGTERM)
    await until(lambda: "The store stopped on request" in service.err, within_s=10)
    assert "stopped on request; starting its replacement" in service.err
    assert " ERROR " not in service.err
    assert await service.stop() == 0
    assert " ERROR " not in service.err
