"""The connection of a test."""

from __future__ import annotations

import pytest

from tests.unit.http_protocol.fake_connection import House


@pytest.fixture
async def house() -> House:
    """A connection that has just been made."""
    return House()
