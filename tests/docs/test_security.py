"""Every attack in SECURITY.md names tests that exist."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, TESTS, functions, sources

ROW = re.compile(
    r"^\| (?!attack|---)(?P<attack>[^|]+) \| (?P<defence>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)


def test_every_attack_names_existing_tests() -> None:
    rows = ROW.findall((ROOT / "SECURITY.md").read_text())
    assert len(rows) >= 20
    existing = {function.name for path in sources(TESTS) for function in functions(path)}
    for attack, _, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, attack
        assert set(named) <= existing, attack
