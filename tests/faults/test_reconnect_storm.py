"""Reconnection of all clients after their connections break at once."""

from __future__ import annotations

import asyncio
import resource
import time

import pytest

from tests.faults.conftest import AddFigure, Conclude, Serve
from tests.faults.crowd import gathered
from tests.faults.journal import POLL
from tests.faults.scale import SCALE, WITHIN_S
from tests.faults.websocket_clients import listening
from tests.wait import until

pytestmark = pytest.mark.slow
BACK_WITHIN_S = 30.0


async def test_reconnect_storm_recovers_within_30_seconds_without_rejected_votes(
    serve: Serve, conclude: Conclude, add_figure: AddFigure
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        up, secret = await serve("--workers", "2")
        async with (
            gathered(up, secret, connections=16) as crowd,
            listening(up.address, str(POLL["id"]), SCALE.storm) as readers,
        ):
            await until(lambda: readers.inside == SCALE.storm, WITHIN_S)
            voting = asyncio.create_task(crowd.vote(crowd.ballots(SCALE.votes_a_round)))
            broke_at = time.monotonic()
            readers.drop_all()
            await until(lambda: readers.inside < SCALE.storm // 2)
            await until(lambda: readers.inside == SCALE.storm, BACK_WITHIN_S)
            back_s = time.monotonic() - broke_at
            await voting
            crowd.rounds = 1
            result = await conclude(crowd, f"{SCALE.storm} readers dropped")
        add_figure(f"{SCALE.storm:,} readers dropped: all back with a frame after {back_s:.1f} s")
        assert back_s < BACK_WITHIN_S
        assert result.again == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
