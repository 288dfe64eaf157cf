"""A crowd's service: ``pollwire up`` with one poll of three parties, and nobody who survives the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.journal import POLL
from tests.upping import Up


@pytest.fixture
async def up(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """A running service in which ``POLL`` is open."""
    service = Up(tmp_path / "d", tmp_path_factory.mktemp("logs"))
    try:
        await (await service.start()).ready()
        async with service.client() as operator:
            answer = await operator.post("/v1/admin/polls", json=POLL)
        assert answer.status_code == 201, answer.text
        yield service
    finally:
        await service.kill()
