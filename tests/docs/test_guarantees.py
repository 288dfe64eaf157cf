"""What docs/guarantees.md promises is held by tests that there are."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, TESTS, functions, sources

ROW = re.compile(
    r"^\| (?!promise|---)(?P<promise>[^|]+) \| (?P<figure>[^|]+) \| (?P<tests>`test_[^|]+) \|$", re.MULTILINE
)


def test_every_promise_names_tests_that_there_are() -> None:
    """Each row has a figure and ends with tests, all of which stand in the suite."""
    document = (ROOT / "docs" / "guarantees.md").read_text()
    table = document.partition("| promise |")[2].partition("\n\n")[0]
    rows = ROW.findall(table)
    assert len(rows) == len(table.strip().splitlines()) - 2 >= 20
    there_are = {function.name for path in sources(TESTS) for function in functions(path)}
    for promise, figure, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, promise
        assert figure.strip(), promise
        assert set(named) <= there_are, promise


def test_every_fault_is_a_promise() -> None:
    """No fault test holds what nobody was promised."""
    document = (ROOT / "docs" / "guarantees.md").read_text()
    faults = {f.name for path in sources(TESTS / "faults") for f in functions(path) if f.name[:5] == "test_"}
    assert {fault for fault in faults if f"`{fault}`" not in document} == set()
