"""Every guarantee in docs/guarantees.md names tests that exist."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, TESTS, functions, sources

ROW = re.compile(
    r"^\| (?!guarantee|---)(?P<guarantee>[^|]+) \| (?P<figure>[^|]+) \| (?P<tests>`test_[^|]+) \|$",
    re.MULTILINE,
)


def test_every_guarantee_has_a_figure_and_existing_tests() -> None:
    document = (ROOT / "docs" / "guarantees.md").read_text()
    table = document.partition("| guarantee |")[2].partition("\n\n")[0]
    rows = ROW.findall(table)
    assert len(rows) == len(table.strip().splitlines()) - 2 >= 20
    existing = {function.name for path in sources(TESTS) for function in functions(path)}
    for guarantee, figure, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, guarantee
        assert figure.strip(), guarantee
        assert set(named) <= existing, guarantee


def test_every_fault_test_belongs_to_a_guarantee() -> None:
    document = (ROOT / "docs" / "guarantees.md").read_text()
    faults = {f.name for path in sources(TESTS / "faults") for f in functions(path) if f.name[:5] == "test_"}
    assert {fault for fault in faults if f"`{fault}`" not in document} == set()
