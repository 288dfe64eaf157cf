"""Fixture for real ``pollwire up`` processes, which are killed after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.pollwire_process import Up

Start = Callable[..., Up]


@pytest.fixture
async def up(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """Return a function that creates services: ``up()``, ``up("--workers", "2", data=...)``."""
    services: list[Up] = []

    def create(*flags: str, data: Path | None = None, **environ: str) -> Up:
        services.append(Up(data or tmp_path / "d", tmp_path_factory.mktemp("logs"), *flags, **environ))
        return services[-1]

    yield create
    for service in services:
        await service.kill()
