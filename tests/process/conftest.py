"""``pollwire up`` for tests: real processes, none of which survives its test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.pollwire_process import Up

Start = Callable[..., Up]


@pytest.fixture
async def up(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """Services of the test's own: ``up()``, ``up("--workers", "2", data=...)``; none survives the test."""
    made: list[Up] = []

    def make(*flags: str, data: Path | None = None, **environ: str) -> Up:
        made.append(Up(data or tmp_path / "d", tmp_path_factory.mktemp("logs"), *flags, **environ))
        return made[-1]

    yield make
    for service in made:
        await service.kill()
