"""The connection of a test."""

from __future__ import annotations

import pytest

from tests.unit.protocol.house import House


@pytest.fixture
async def house() -> House:
    """A connection that has just been made."""
    return House()
