"""A whole service in a thread of its own, so that tests which are not asynchronous can talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.target_service import World, running_world


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """One service for this folder, with polls of every kind."""
    with running_world() as running:
        yield running
