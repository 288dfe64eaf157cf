"""Votes that arrive faster than the service can count them."""

from __future__ import annotations

import asyncio
import math
import resource
import sys
from typing import Any

import msgspec
import pytest

from tests.faults.conftest import AddFigure, Serve
from tests.faults.crowd import Crowd, gathered
from tests.faults.journal import POLL
from tests.faults.scale import SCALE
from tests.pollwire_process import ROOT

pytestmark = pytest.mark.slow
AT_PEAK = 200
"""Concurrent votes that reach the highest rate of a worker."""
TIMES = 5
MAX_PER_S = 40_000
"""Voter tokens per second of load, far more than the load can use."""
RESERVED_FILES = 500
"""File descriptors that are not for voters. The service itself reserves 256."""


def most_connections() -> int:
    """Return the number of voters that the test wants and that both processes can open."""
    return min(SCALE.overload_connections, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - RESERVED_FILES)


async def pushed(crowd: Crowd, connections: int, per_s: float = 0) -> dict[str, Any]:  # Any: as below
    """Run the load generator and return its report. ``per_s`` 0 sends a vote after each response."""
    tokens = [ballot.voter for ballot in crowd.ballots(int(MAX_PER_S * SCALE.overload_s))]
    host, port = crowd.up.address
    command = ("-m", "tests.faults.load_generator", host, str(port), str(POLL["id"]))
    load = (str(connections), str(SCALE.overload_s), str(per_s))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, *load, stdin=pipe, stdout=pipe, cwd=ROOT
    )
    output, _ = await asyncio.wait_for(process.communicate("\n".join(tokens).encode()), 120)
    assert process.returncode == 0
    report: dict[str, Any] = msgspec.json.decode(output)
    return report


async def peak_and_over(crowd: Crowd) -> tuple[dict[str, Any], dict[str, Any]]:  # Any: JSON of load_generator
    """Return the reports at the highest rate of a worker and at this multiple of it."""
    peak = await pushed(crowd, AT_PEAK)
    return peak, await pushed(crowd, most_connections(), TIMES * peak["per_s"])


async def test_overloaded_worker_keeps_counting_votes_promptly(serve: Serve, add_figure: AddFigure) -> None:
    """Votes arrive five times as fast as a worker can count them."""
    up, secret = await serve()
    async with gathered(up, secret) as crowd:
        await pushed(crowd, AT_PEAK)  # everything has been met once
        loads = [await peak_and_over(crowd) for _ in range(2)]
        results = await voters_of(crowd)
    ratio = max(over["per_s"] / peak["per_s"] for peak, over in loads)
    p99_s = min(over["p99_s"] or math.inf for _, over in loads)
    peak_per_s = max(peak["per_s"] for peak, _ in loads)
    come = f"{TIMES} times as many come on {most_connections():,} connections"
    add_figure(
        f"overload: {ratio:.0%} of {peak_per_s:,.0f} votes a second kept while {come}, p99 {p99_s:.2f} s"
    )
    assert ratio >= SCALE.overload_keeps, loads
    assert p99_s < SCALE.overload_p99_s, loads
    for load in (load for both in loads for load in both):
        assert set(load["statuses"]) <= {"200", "429", "503"}, load
        assert load["unanswered"] == 0
    assert results >= sum(load["statuses"]["200"] for both in loads for load in both)


async def voters_of(crowd: Crowd) -> int:
    """Return the number of counted votes from a fresh read."""
    async with crowd.up.client() as client:
        counted: int = (await client.get(f"/v1/polls/{POLL['id']}/results")).json()["voters"]
    return counted
