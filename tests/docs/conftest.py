"""Event loop of these tests: the session's, on which the service of ``tests/api`` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.event_loops import run_on_session_loop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests on the session's loop."""
    run_on_session_loop(items, Path(__file__).parent)
