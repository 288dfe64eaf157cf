"""Who is the master is asked of all who may know, and the silent and the stale mislead nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pollwire_server.store import open_store
from pollwire_server.store.transport.cluster import SLOTS, Address, Cluster
from pollwire_server.store.transport.sentinel import SentinelGroup
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

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


class Told:
    """A Sentinel as the client has it: what it tells of its one service, or silence."""

    def __init__(self, address: Address | None, epoch: int = 0) -> None:
        self._address, self._epoch = address, epoch

    async def sentinel_masters(self) -> dict[str, Any]:
        """The state of the service, as far as it is looked at."""
        if self._address is None:
            await asyncio.Event().wait()
        assert self._address is not None
        flags = {"is_master": True, "is_sdown": False, "is_odown": False, "num-other-sentinels": 2}
        return {
            "polls": {"ip": self._address[0], "port": self._address[1], "config-epoch": self._epoch, **flags}
        }


@pytest.mark.parametrize(
    "told",
    [
        [Told(STALE, 1), Told(TRUE, 2), Told(TRUE, 2)],
        [Told(STALE, 9), Told(None), Told(TRUE, 10)],
        [Told(None), Told(None), Told(TRUE, 1)],
    ],
)
async def test_sentinel_reply_of_latest_failover_wins(told: list[Told]) -> None:
    sentinels = SentinelGroup([("one", 1)], {})
    sentinels.sentinels = told  # type: ignore[assignment]  # what is asked of them is there
    assert await sentinels.discover_master("polls") == TRUE


class Mapped(Cluster):
    """A cluster whose servers tell what the test says."""

    def __init__(self, told: list[Address | None]) -> None:
        super().__init__([(f"server-{place}", place) for place in range(len(told))], {})
        self.told = told

    async def _slot_map_of(self, address: Address) -> tuple[tuple[int, int, Address], ...]:
        owner = self.told[address.port]
        if owner is None:
            await asyncio.Event().wait()
        assert owner is not None
        return ((0, SLOTS - 1, owner),)


@pytest.mark.parametrize("told", [[STALE, TRUE, TRUE], [None, TRUE, TRUE], [None, None, TRUE]])
async def test_slot_map_of_majority_wins(told: list[Address | None]) -> None:
    cluster = Mapped(told)
    await cluster._read_slot_map()
    assert set(cluster._owners) == {TRUE}
