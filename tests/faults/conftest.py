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

from tests.faults.crowd import Crowd, Verdict
from tests.faults.journal import AGAIN, POLL
from tests.pollwire_process import Up
from tests.wait import until

_VERDICTS = pytest.StashKey[list[Verdict]]()


class Served(NamedTuple):
    """A running service in which ``POLL`` is open, and the secret that signs its tokens."""

    up: Up
    secret: str


_TOLD = pytest.StashKey[list[str]]()

Tell = Callable[[str], None]
"""Adds a figure to the end of the table."""
Serve = Callable[..., Awaitable[Served]]
Conclude = Callable[[Crowd, str], Awaitable[Verdict]]


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
    """``POLL``, made and open, however often that has to be asked for on a disk that stands still."""
    answers: list[httpx.Response] = []

    async def is_final() -> bool:
        answers.append(await operator.post("/v1/admin/polls", json=POLL))
        return answers[-1].status_code not in AGAIN

    async with up.client() as operator:
        await until(is_final)
    assert answers[-1].status_code == 201, answers[-1].text


@pytest.fixture
async def up(serve: Serve) -> Up:
    """A service on a private store, with one worker."""
    return (await serve()).up


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Conclude:
    """The one check at the end of a fault: its row in the table, and zero where zero is promised."""

    async def check(crowd: Crowd, fault: str) -> Verdict:
        verdict = await crowd.verdict(fault)
        request.config.stash.setdefault(_VERDICTS, []).append(verdict)
        assert (verdict.lost, verdict.doubled, verdict.fell) == (0, 0, 0), verdict
        return verdict

    return check


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Figures that are no row of the table, a line each."""
    return request.config.stash.setdefault(_TOLD, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table: one row a fault."""
    verdicts = config.stash.get(_VERDICTS, [])
    if not verdicts and _TOLD not in config.stash:
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
    rows = [heads, *((*map(str, verdict[:-1]), f"{verdict.worst_gap_s:.2f}") for verdict in verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        figures = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)][1:]
        terminalreporter.write_line("  ".join((row[0].ljust(widths[0]), *figures)))
    for line in config.stash.get(_TOLD, []):
        terminalreporter.write_line(line)
