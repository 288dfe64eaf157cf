"""Services for fault injection, and the table of the outcomes.

Each service has a store of its own: an embedded one, or a Valkey that the test itself
can harm. All processes end with the test.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.faults.crowd import Crowd, FaultResult
from tests.faults.journal import AGAIN, POLL
from tests.pollwire_process import Up
from tests.wait import until

_RESULTS = pytest.StashKey[list[FaultResult]]()


class Served(NamedTuple):
    """A running service in which ``POLL`` is open, and the secret that signs its tokens."""

    up: Up
    secret: str


_FIGURES = pytest.StashKey[list[str]]()

AddFigure = Callable[[str], None]
"""Function that adds a line with a figure below the table."""
Serve = Callable[..., Awaitable[Served]]
Conclude = Callable[[Crowd, str], Awaitable[FaultResult]]


@pytest.fixture
async def serve(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serve]:
    """Start a service: ``await serve("--workers", "2")``."""
    services: list[Up] = []

    async def start(*flags: str, **environ: str) -> Served:
        secret = secrets.token_urlsafe(32)
        folder = tmp_path / f"d{len(services)}"
        own = {
            "POLLWIRE_SECRET": secret,
            "POLLWIRE_ADMIN_KEY": secrets.token_urlsafe(24),
            "POLLWIRE_EXEMPT_LOOPBACK": "1",
        }
        up = Up(folder, tmp_path_factory.mktemp("logs"), *flags, **own, **environ)
        services.append(up)
        await (await up.start()).ready()
        await open_poll(up)
        return Served(up, secret)

    yield start
    for up in services:
        await up.kill()


async def open_poll(up: Up) -> None:
    """Create ``POLL`` and open it. Retry while the store is stalled."""
    answers: list[httpx.Response] = []

    async def is_final() -> bool:
        answers.append(await operator.post("/v1/admin/polls", json=POLL))
        return answers[-1].status_code not in AGAIN

    async with up.client() as operator:
        await until(is_final)
    assert answers[-1].status_code == 201, answers[-1].text


@pytest.fixture
async def up(serve: Serve) -> Up:
    """Start a service with a private store and one worker. Return it."""
    return (await serve()).up


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Conclude:
    """Return the check at the end of a fault: it adds a row to the table and asserts zero lost votes."""

    async def check(crowd: Crowd, fault: str) -> FaultResult:
        result = await crowd.result(fault)
        request.config.stash.setdefault(_RESULTS, []).append(result)
        assert (result.lost, result.doubled, result.fell) == (0, 0, 0), result
        return result

    return check


@pytest.fixture
def add_figure(request: pytest.FixtureRequest) -> AddFigure:
    """Return the function that adds a line below the table."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table with one row per fault, and the figures below it."""
    results = config.stash.get(_RESULTS, [])
    if not results and _FIGURES not in config.stash:
        return
    terminalreporter.section("faults")
    heads = (
        "fault",
        "rounds",
        "votes answered",
        "sent again",
        "lost",
        "doubled",
        "fell back",
        "worst gap (s)",
    )
    rows = [heads, *((*map(str, result[:-1]), f"{result.worst_gap_s:.2f}") for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        figures = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)][1:]
        terminalreporter.write_line("  ".join((row[0].ljust(widths[0]), *figures)))
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)
