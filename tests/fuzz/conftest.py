"""Service in a thread of its own, for tests that are not asynchronous."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.target_service import World, running_world


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """Run one service with polls of every kind for this folder."""
    with running_world() as running:
        yield running
