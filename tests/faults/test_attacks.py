"""Votes of honest voters while hostile clients attack, from one connection and from one network."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.faults.attacker import ATTACKS
from tests.faults.conftest import AddFigure, Serve
from tests.faults.crowd import Crowd, gathered
from tests.faults.journal import POLL
from tests.pollwire_process import ROOT

pytestmark = pytest.mark.slow

VOTES_PER_S = 100
SECONDS = 4.0
CONNECTIONS = {"one connection": 1, "one network": 60}


async def vote(crowd: Crowd) -> dict[str, Any]:  # Any: the report of the load generator
    """Send votes at a steady rate. Return the report of the load generator."""
    tokens = [ballot.voter for ballot in crowd.ballots(int(2 * VOTES_PER_S * SECONDS))]
    host, port = crowd.up.address
    command = ("-m", "tests.faults.load_generator", host, str(port), str(POLL["id"]))
    load = ("100", str(SECONDS), str(VOTES_PER_S))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, *load, stdin=pipe, stdout=pipe, cwd=ROOT
    )
    output, _ = await asyncio.wait_for(process.communicate("\n".join(tokens).encode()), 60)
    assert process.returncode == 0
    report: dict[str, Any] = msgspec.json.decode(output)
    return report


@asynccontextmanager
async def attacking(crowd: Crowd, attack: str, connections: int) -> AsyncIterator[None]:
    """Attack the service while the block runs."""
    host, port = crowd.up.address
    arguments = (attack, host, str(port), str(POLL["id"]), str(connections))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.attacker", *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"attacking\n"
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attack_of_one_network_rejects_no_votes(
    serve: Serve, add_figure: AddFigure, attack: str
) -> None:
    """The delay of votes is a figure of the report: it depends on the machine, which the attacker shares."""
    up, secret = await serve("--workers", "1")
    async with gathered(up, secret) as crowd:
        quiet = await vote(crowd)
        assert set(quiet["statuses"]) == {"200"}
        for origin, connections in CONNECTIONS.items():
            async with attacking(crowd, attack, connections):
                report = await vote(crowd)
            add_figure(
                f"- {attack}, {origin}: p99 of votes {1000 * report['p99_s']:.1f} ms, "
                f"quiet {1000 * quiet['p99_s']:.1f} ms"
            )
            assert set(report["statuses"]) == {"200"}, (origin, report)
            assert report["unanswered"] == 0, (origin, report)
