"""Far more votes at once than can be counted."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec
import pytest

from tests.faults.conftest import Serve, Tell
from tests.faults.crowd import Crowd, gathered
from tests.faults.journal import POLL
from tests.faults.scale import SCALE
from tests.upping import ROOT

pytestmark = pytest.mark.slow
AT_PEAK = 200
"""Votes under way with which a worker counts as many a second as it ever will."""
TIMES = 5
MOST_PER_S = 12_000
"""Tokens made for each second; a load that has used them up ends sooner."""


async def pushed(crowd: Crowd, connections: int) -> dict[str, Any]:  # Any: what ``pushing`` tells
    """What came of so many voters at a time."""
    tokens = [ballot.voter for ballot in crowd.ballots(int(MOST_PER_S * SCALE.overload_s))]
    host, port = crowd.up.address
    command = ("-m", "tests.faults.pushing", host, str(port), str(POLL["id"]))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, str(connections), str(SCALE.overload_s), stdin=pipe, stdout=pipe, cwd=ROOT
    )
    said, _ = await asyncio.wait_for(process.communicate("\n".join(tokens).encode()), 120)
    assert process.returncode == 0
    told: dict[str, Any] = msgspec.json.decode(said)
    return told


async def test_overload_costs_no_answers(serve: Serve, tell: Tell) -> None:
    """Five times what makes the most of a worker: as many votes count as at its peak, and soon."""
    up, secret = await serve()
    async with gathered(up, secret) as crowd:
        await pushed(crowd, AT_PEAK)  # everything has been met once
        loads = [(await pushed(crowd, AT_PEAK), await pushed(crowd, TIMES * AT_PEAK)) for _ in range(2)]
        results = await voters_of(crowd)
    kept = max(over["per_s"] / peak["per_s"] for peak, over in loads)
    p99_s = min(over["p99_s"] for _, over in loads)
    peak_per_s = max(peak["per_s"] for peak, _ in loads)
    peak = f"{peak_per_s:,.0f} votes a second"
    tell(f"overload: {kept:.0%} of {peak} kept under {TIMES} times the load, p99 {p99_s:.2f} s")
    assert kept >= SCALE.overload_keeps, loads
    assert p99_s < SCALE.overload_p99_s, loads
    for load in (load for both in loads for load in both):
        assert set(load["statuses"]) <= {"200", "429", "503"}, load
        assert load["untold"] == 0
    assert results >= sum(load["statuses"]["200"] for both in loads for load in both)


async def voters_of(crowd: Crowd) -> int:
    """How many votes count, by a fresh read."""
    async with crowd.up.client() as client:
        counted: int = (await client.get(f"/v1/polls/{POLL['id']}/results")).json()["voters"]
    return counted
