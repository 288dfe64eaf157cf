"""Failover: a master is killed and another server is promoted while clients vote and watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from pollwire_server.store import open_store
from redis.crc import key_slot

from tests.api.conftest import Service, serving
from tests.cluster.clusters import a_cluster
from tests.cluster.crowd import Crowd, gathered, until_ready
from tests.cluster.nodes import die_when_followed
from tests.cluster.sentinel_setup import a_watched_master
from tests.faults.stream_checker import Watcher, watched
from tests.wait import until

BACK_WITHIN_S = 10.0
"""Maximum time without counted votes: about a second for the failure detection and a second for the election
and discovery. The rest is for a busy machine.
"""
NODE_TIMEOUT_MS = 1_000


@contextlib.asynccontextmanager
async def a_service_at(url: str) -> AsyncIterator[Service]:
    """Run a service on a store of several servers."""
    store = await open_store(url)
    async with serving(store, url) as service:
        await until_ready(service)
        yield service
    await store.close()


async def outlives(crowd: Crowd, service: Service, harm: Callable[[], Awaitable[object]]) -> None:
    """Vote and watch throughout.

    Every answered vote must count once, after a short pause, and reach all streams.
    """
    async with watched(service.url, crowd.polls[0]) as watchers:
        await crowd.votes_while(harm)
        await crowd.verify()
        assert crowd.worst_gap_s < BACK_WITHIN_S
        await ends_on_the_truth(service, crowd.polls[0], watchers)


async def ends_on_the_truth(service: Service, poll: str, watchers: list[Watcher]) -> None:
    """Wait until all streams have the results of a fresh read."""
    truth = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    await until(lambda: all(one.position == (truth["epoch"], truth["seq"]) for one in watchers))
    assert all(one.latest["counts"] == truth["counts"] for one in watchers)
    assert sum(one.fell for one in watchers) == 0


async def test_cluster_master_failover_keeps_votes() -> None:
    with a_cluster(node_timeout_ms=NODE_TIMEOUT_MS) as cluster:
        async with a_service_at(cluster.url) as service, gathered(service) as crowd:
            slot = key_slot((await service.store.polls.get(crowd.polls[0])).keys[0])
            master = cluster.owner_of(slot)
            replica = await asyncio.to_thread(cluster.replica_of, master)
            await outlives(crowd, service, lambda: asyncio.to_thread(die_when_followed, master, replica))
            assert cluster.owner_of(slot) is replica


async def test_sentinel_master_failover_keeps_votes() -> None:
    with a_watched_master() as servers:
        async with a_service_at(servers.url) as service, gathered(service, polls=2) as crowd:
            with servers.sentinels[0].paused():
                await outlives(
                    crowd,
                    service,
                    lambda: asyncio.to_thread(die_when_followed, servers.master, servers.replica),
                )
            assert servers.replica.info("replication")["role"] == "master"
