"""Every error reply of the store: effect on votes, reads, ``/readyz`` and the start of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest
import pytest_asyncio
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.function_library import UnsupportedStore

from tests.api.conftest import Service, serving
from tests.error_proxy import Command, ErrorProxy, error_proxy, every_call, every_write
from tests.valkey import Valkey, running_valkey
from tests.wait import until


class Setup(NamedTuple):
    """A service whose store is behind a proxy."""

    service: Service
    proxy: ErrorProxy
    server: Valkey
    poll: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def setup() -> AsyncIterator[Setup]:
    """Start one service for all cases."""
    with running_valkey() as server:
        async with error_proxy(server) as proxy:
            store = await open_store(proxy.url)
            async with serving(store, proxy.url) as service:
                poll = (await service.create_poll())["id"]
                yield Setup(service, proxy, server, poll)
            await store.close()


class Expected(NamedTuple):
    """Expected effects of one error: status of a read, readiness, and the outcome of a start."""

    read: int
    readiness: str
    starts: bool
    matches: Callable[[Command], bool] = every_call


DOWN = Expected(read=503, readiness="degraded", starts=True)
FULL = Expected(read=200, readiness="degraded", starts=True, matches=every_write)
NO_LOGIN = Expected(read=503, readiness="degraded", starts=False)
REFUSED = Expected(read=503, readiness="ready", starts=False, matches=lambda command: command[0] == b"FCALL")
MOVING = Expected(read=503, readiness="ready", starts=True, matches=REFUSED.matches)

CASES = {
    "OOM command not allowed when used memory > 'maxmemory'.": FULL,
    "READONLY You can't write against a read only replica.": FULL,
    "MISCONF Errors writing to the AOF file: No space left on device": FULL,
    "NOREPLICAS Not enough good replicas to write.": FULL,
    "LOADING Valkey is loading the dataset in memory": DOWN,
    "BUSY Valkey is busy running a script.": DOWN,
    "UNKILLABLE The script executed write commands": DOWN,
    "MASTERDOWN Link with MASTER is down": DOWN,
    "CLUSTERDOWN The cluster is down": DOWN,
    "ERR max number of clients reached": DOWN,
    "NOAUTH Authentication required.": NO_LOGIN,
    "WRONGPASS invalid username-password pair": NO_LOGIN,
    "NOPERM No permissions": REFUSED,
    "WRONGTYPE Operation against a key": REFUSED,
    "CROSSSLOT Keys in request don't hash to the same slot": REFUSED,
    "ERR unknown command": REFUSED,
    "EXECABORT Transaction discarded": REFUSED,
    "NOSCRIPT No matching script": REFUSED,
    "TRYAGAIN Multiple keys request": MOVING,
    "MOVED 3999 127.0.0.1:1": MOVING,
    "ASK 3999 127.0.0.1:1": MOVING,
    "INPROG Failover already in progress.": MOVING,
    "UNBLOCKED force unblock": MOVING,
}


@pytest.mark.parametrize("error", CASES, ids=lambda error: "-".join(error.split()[:3]))
async def test_error_reply_has_the_documented_effects(setup: Setup, error: str) -> None:
    service, proxy, _, poll = setup
    expected = CASES[error]
    token = await service.voter()
    proxy.matches, proxy.error = expected.matches, error
    try:
        assert (await service.vote(poll, "rice", token)).status_code == 503
        assert (await service.http.get(f"/v1/polls/{poll}/results")).status_code == expected.read
        ready = await service.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, expected.readiness)
        assert await can_start(proxy) is expected.starts
    finally:
        proxy.error = ""

    async def recovered() -> bool:
        body = (await service.http.get("/readyz")).json()
        vote = await service.vote(poll, "rice", token)
        return body["status"] == "ready" and vote.status_code == 200

    await until(recovered, within_s=3)


async def can_start(proxy: ErrorProxy) -> bool:
    """Return True if a new process keeps running, now or waiting, and False if it exits."""
    try:
        store = await open_store(proxy.url)
    except UnsupportedStore:
        return False
    await store.close()
    return True


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("maxmemory", "1", "OOM"), ("min-replicas-to-write", "1", "NOREPLICAS")],
    ids=["full memory", "no replicas"],
)
async def test_reads_go_on_while_a_real_store_rejects_writes(name: str, value: str, code: str) -> None:
    """Also for polls that end meanwhile, and in a new process."""
    with running_valkey() as server:
        store = await open_store(server.url)
        async with serving(store, server.url) as service:
            poll = (await service.create_poll())["id"]
            token = await service.voter()
            await configure(store, name, value)
            assert (await service.vote(poll, "rice", token)).status_code == 503
            for path in ("results", "timeline"):
                assert (await service.http.get(f"/v1/polls/{poll}/{path}")).status_code == 200
            ready = (await service.http.get("/readyz")).json()
            assert ready["status"] == "degraded"
            assert f"({code})" in ready["reason"]
            later = await open_store(server.url)
            assert later.connection.is_up
            assert later.connection.write_refusal == code
            await later.close()
            await configure(store, name, "0")
            await until(lambda: _accepts_votes(service, poll, token), within_s=3)
        await store.close()


async def test_reads_go_on_from_a_server_that_became_a_replica() -> None:
    with running_valkey() as server:
        store = await open_store(server.url)
        async with serving(store, server.url) as service:
            poll = (await service.create_poll(kind="ranked"))["id"]
            token = await service.voter()
            assert (await service.vote(poll, ["rice", "yam"], token)).status_code == 200
            await store.connection.client.execute_command("REPLICAOF", "127.0.0.1", "1")
            assert (await service.vote(poll, ["yam"], token)).status_code == 503
            results = await service.http.get(f"/v1/polls/{poll}/results")
            assert (results.status_code, results.json()["voters"]) == (200, 1)
            await store.connection.client.execute_command("REPLICAOF", "NO", "ONE")

            async def ready() -> bool:
                return bool((await service.http.get("/readyz")).json()["status"] == "ready")

            await until(ready, within_s=3)
        await store.close()


async def test_start_on_a_full_store_without_the_library_waits(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    await store.connection.client.execute_command("FUNCTION", "FLUSH")
    await configure(store, "maxmemory", "1")
    later = await open_store(own_valkey.url)
    assert not later.connection.has_answered
    assert later.connection.write_refusal == "OOM"
    await configure(store, "maxmemory", "0")
    await until(lambda: later.connection.is_up, within_s=3)
    await later.close()
    await store.close()


async def configure(store: Store, name: str, value: str) -> None:
    """Change a setting of the server."""
    await store.connection.client.execute_command("CONFIG", "SET", name, value)


async def _accepts_votes(service: Service, poll: str, token: str) -> bool:
    return (await service.vote(poll, "rice", token)).status_code == 200
