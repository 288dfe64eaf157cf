"""Discovery of the master: all Sentinels and nodes are asked, and silent or stale ones do not mislead it."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from pollwire_server.store import open_store
from pollwire_server.store.transport.cluster import SLOTS, Address, Cluster
from pollwire_server.store.transport.sentinel import SentinelGroup
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.cluster.clusters import Cluster as RealCluster
from tests.cluster.nodes import Node, running
from tests.cluster.sentinel_setup import sentinels_of, url_of
from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made
from tests.wait import until

STALE, TRUE = Address("stale", 1), Address("true", 2)


async def test_silent_sentinels_do_not_delay_discovery() -> None:
    with running(Node) as master, sentinels_of(master) as sentinels:
        with sentinels[0].paused(), sentinels[1].paused():
            store = await open_store(url_of(sentinels))
            await until(lambda: store.connection.is_up)
            assert await cast(store, await made(store), BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        await store.close()


class FixedSentinel:
    """Client of a Sentinel that returns a fixed state, or never responds."""

    def __init__(self, address: Address | None, epoch: int = 0) -> None:
        self._address, self._epoch = address, epoch

    async def sentinel_masters(self) -> dict[str, Any]:
        """Return the fields of the state that discovery reads."""
        if self._address is None:
            await asyncio.Event().wait()
        assert self._address is not None
        flags = {"is_master": True, "is_sdown": False, "is_odown": False, "num-other-sentinels": 2}
        return {
            "polls": {"ip": self._address[0], "port": self._address[1], "config-epoch": self._epoch, **flags}
        }


@pytest.mark.parametrize(
    "states",
    [
        [FixedSentinel(STALE, 1), FixedSentinel(TRUE, 2), FixedSentinel(TRUE, 2)],
        [FixedSentinel(STALE, 9), FixedSentinel(None), FixedSentinel(TRUE, 10)],
        [FixedSentinel(None), FixedSentinel(None), FixedSentinel(TRUE, 1)],
    ],
)
async def test_sentinel_reply_of_latest_failover_wins(states: list[FixedSentinel]) -> None:
    sentinels = SentinelGroup([("one", 1)], {})
    sentinels.sentinels = states  # type: ignore[assignment]  # has the one method that discovery calls
    assert await sentinels.discover_master("polls") == TRUE


@pytest.mark.parametrize(
    ("kind", "name", "reported"),
    [("hostname", "", b"?"), ("hostname", "localhost", b"localhost"), ("unknown-endpoint", "", None)],
    ids=["name missing", "name", "no endpoint"],
)
async def test_servers_are_found_by_every_kind_of_endpoint(
    cluster: RealCluster, kind: str, name: str, reported: bytes | None
) -> None:
    def announce(kind: str, name: str) -> None:
        for member in cluster.members:
            member.command("CONFIG SET", "cluster-announce-hostname", name)
            member.command("CONFIG SET", "cluster-preferred-endpoint-type", kind)

    def is_reported() -> bool:
        maps = [member.command("CLUSTER SLOTS") for member in cluster.members]
        return {master[0] for one in maps for _, _, master, *_ in one} == {reported}

    announce(kind, name)
    try:
        await until(is_reported)
        store = await open_store(cluster.url, namespace=f"e{secrets.token_hex(4)}")
        for _ in range(12):
            assert await cast(store, await made(store), BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        await store.close()
    finally:
        announce("ip", "")


class Mapped(Cluster):
    """Cluster with a fixed slot map per server."""

    def __init__(self, owners: list[Address | None]) -> None:
        super().__init__([(f"server-{place}", place) for place in range(len(owners))], {})
        self.owners = owners

    async def _slot_map_of(self, address: Address) -> tuple[tuple[int, int, Address], ...]:
        owner = self.owners[address.port]
        if owner is None:
            await asyncio.Event().wait()
        assert owner is not None
        return ((0, SLOTS - 1, owner),)


@pytest.mark.parametrize("owners", [[STALE, TRUE, TRUE], [None, TRUE, TRUE], [None, None, TRUE]])
async def test_slot_map_of_majority_wins(owners: list[Address | None]) -> None:
    cluster = Mapped(owners)
    await cluster._read_slot_map()
    assert set(cluster._owners) == {TRUE}
