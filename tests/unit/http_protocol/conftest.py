"""The connection under test."""

from __future__ import annotations

import pytest

from tests.unit.http_protocol.fake_connection import ConnectionHarness


@pytest.fixture
async def harness() -> ConnectionHarness:
    """Return a new connection."""
    return ConnectionHarness()
