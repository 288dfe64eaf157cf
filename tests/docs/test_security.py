"""What SECURITY.md says is shown by a test is shown by a test."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, TESTS, functions, sources

ROW = re.compile(
    r"^\| (?!attempt|---)(?P<attempt>[^|]+) \| (?P<stop>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)


def test_every_attempt_names_tests_that_there_are() -> None:
    """Each row of the table ends with tests, and all of them stand in the suite."""
    rows = ROW.findall((ROOT / "SECURITY.md").read_text())
    assert len(rows) >= 20
    there_are = {function.name for path in sources(TESTS) for function in functions(path)}
    for attempt, _, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, attempt
        assert set(named) <= there_are, attempt
