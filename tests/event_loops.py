"""Event loops of tests that share fixtures: a fixture and its tests must run on the same loop."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def run_on_session_loop(items: Iterable[pytest.Item], folder: Path) -> None:
    """Run the asynchronous tests below ``folder`` on the session's loop, unless they ask for another one."""
    for item in items:
        if folder in item.path.parents and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
