"""Network faults between service and store: harmed replies, and a network that fails and recovers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.conftest import Conclude, Serve
from tests.faults.crowd import gathered
from tests.faults.faulty_proxy import WAYS, relay_to
from tests.faults.scale import LONG, SCALE
from tests.valkey import Valkey
from tests.wait import until

pytestmark = pytest.mark.slow
CUT_S = 1.0


def beside(server: Valkey) -> Path:
    """Return a path for another socket. The store's own folder has a short name."""
    return Path(server.socket_path).with_name("relay")


async def test_lost_late_repeated_and_truncated_replies_lose_no_vote(
    serve: Serve, conclude: Conclude, own_valkey: Valkey
) -> None:
    """Harm one reply in twenty after the store ran the command. No vote may be lost, doubled or confused."""
    async with relay_to(own_valkey.socket_path, beside(own_valkey)) as relay:
        up, secret = await serve("--redis", relay.url)
        async with gathered(up, secret) as crowd:
            relay.part = SCALE.harmed
            await crowd.vote(crowd.ballots(SCALE.relayed))
            while SCALE is not LONG and len(relay.harmed) < len(WAYS):
                await crowd.vote(crowd.ballots(50))
            relay.part = 0.0
            crowd.rounds = sum(relay.harmed.values())
            await conclude(crowd, "replies harmed")
            crowd.check_seqs_differ()
        assert set(relay.harmed) == set(WAYS)


async def test_votes_are_retryable_during_network_partition_and_count_afterwards(
    serve: Serve, conclude: Conclude, own_valkey: Valkey
) -> None:
    async with relay_to(own_valkey.socket_path, beside(own_valkey)) as relay:
        up, secret = await serve("--redis", relay.url)

        async def cut() -> None:
            await relay.close()
            async with up.client() as client:

                async def is_reported() -> bool:
                    return (await client.get("/readyz")).json()["degraded"] is True

                await until(is_reported, within_s=10)
            over_at = time.monotonic() + CUT_S
            await until(lambda: time.monotonic() >= over_at, CUT_S + 5)
            await relay.open()

        async with gathered(up, secret) as crowd:
            await crowd.round(SCALE.votes_a_round, cut)
            result = await conclude(crowd, "network cut and healed")
        assert result.again
