"""Rooms, files and functions keep to the size and the manners of the house."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, SERVICE, TESTS, Function, functions, name_of, sources

LONGEST_FILE, LONGEST_FUNCTION = 400, 50
ROOMS_OF_EVERYTHING = {"utils", "util", "helpers", "common", "core", "lib", "misc"}
PYTHON = sources(SERVICE) + sources(TESTS)
TEST_FILES = [path for path in sources(TESTS) if path.name.startswith("test_")]


def lines_of(function: Function) -> int:
    """The lines of a function without its docstring."""
    docstring = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or function.lineno) - function.lineno + 1 - len(docstring.splitlines())


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_file_says_why_it_is_there(path: Path) -> None:
    """Every Python file opens with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", PYTHON + sources(SERVICE, ".lua") + sources(SERVICE, ".js"), ids=name_of)
def test_a_file_is_one_room(path: Path) -> None:
    """No file has grown past what one reason to exist needs."""
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_function_does_one_thing(path: Path) -> None:
    """No function is too long to be seen at once."""
    assert {function.name for function in functions(path) if lines_of(function) > LONGEST_FUNCTION} == set()


def test_no_room_is_for_everything() -> None:
    """A line's place is told by what it is about, so no file or folder is named for nothing in particular."""
    parts = {part for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert parts & ROOMS_OF_EVERYTHING == set()


@pytest.mark.parametrize("path", sources(SERVICE / "store/functions", ".lua"), ids=name_of)
def test_a_function_of_the_store_opens_with_its_contract(path: Path) -> None:
    """Each operation says its keys, arguments and answers before its first line of code."""
    header = path.read_text().partition("\n\n")[0]
    assert header.startswith("-- ")
    if path.parent.name != "includes":
        assert header.startswith(f"-- {path.stem}: ")
        assert all(f"-- {word}" in header for word in ("KEYS", "ARGV", "Answers"))


@pytest.mark.parametrize("path", TEST_FILES, ids=name_of)
def test_a_test_says_what_it_proves(path: Path) -> None:
    """Every test has a sentence."""
    tests = [function for function in functions(path) if function.name.startswith("test_")]
    assert tests
    assert {test.name for test in tests if not (ast.get_docstring(test) or "").strip().endswith(".")} == set()


@pytest.mark.parametrize("path", TEST_FILES, ids=name_of)
def test_a_test_waits_for_something(path: Path) -> None:
    """No test lets time pass in the hope that something has happened; giving way (0 s) is not waiting."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    sleeps = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "sleep"]
    assert [call.lineno for call in sleeps if not _is_zero(call)] == []


def test_unit_tests_mirror_the_rooms() -> None:
    """What is tested alone is tested under the name of its room."""
    unit = TESTS / "unit"
    tested = {
        path.relative_to(unit).parts[0].removesuffix(".py").removeprefix("test_") for path in sources(unit)
    }
    rooms = {path.relative_to(SERVICE).parts[0].removesuffix(".py") for path in sources(SERVICE)}
    assert tested - {"__init__", "conftest"} <= rooms


def _is_zero(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
