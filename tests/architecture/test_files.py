"""Rules for files and functions: size, docstrings, names, and the contracts of Lua functions."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.tree import (
    CLIENT,
    ROOT,
    SERVICE,
    TESTS,
    Function,
    functions,
    name_of,
    report,
    sources,
    syntax_tree,
)

MAX_FILE_LINES, MAX_FUNCTION_LINES = 600, 70
VAGUE_NAMES = {"utils", "util", "helpers", "common", "core", "lib", "misc"}
LUA_HEADINGS = ("KEYS", "ARGV", "Returns")
PYTHON = sources(SERVICE, CLIENT, TESTS)
TEST_FILES = [path for path in sources(TESTS) if path.name.startswith("test_")]


def lines_of(function: Function) -> int:
    """Return the number of lines of a function without its docstring."""
    docstring = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or function.lineno) - function.lineno + 1 - len(docstring.splitlines())


def test_every_python_file_has_a_docstring() -> None:
    violations = [name_of(path) for path in PYTHON if not ast.get_docstring(syntax_tree(path))]
    assert violations == [], report(violations)


def test_no_file_is_longer_than_600_lines() -> None:
    paths = [*PYTHON, *sources(SERVICE, suffix=".lua"), *sources(SERVICE, suffix=".js")]
    lengths = {path: len(path.read_text().splitlines()) for path in paths}
    violations = [f"{name_of(path)}: {length}" for path, length in lengths.items() if length > MAX_FILE_LINES]
    assert violations == [], report(violations)


def test_no_function_is_longer_than_70_lines() -> None:
    violations = [
        f"{name_of(path)}:{function.lineno} {function.name}: {lines_of(function)}"
        for path in PYTHON
        for function in functions(path)
        if lines_of(function) > MAX_FUNCTION_LINES
    ]
    assert violations == [], report(violations)


def test_no_file_or_folder_has_a_vague_name() -> None:
    parts = {part for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert parts & VAGUE_NAMES == set()


def test_every_lua_function_starts_with_its_contract() -> None:
    """The header gives keys, arguments and return value, because Lua has no signatures."""
    violations = [
        f"{name_of(path)}: {problem}"
        for path in sources(SERVICE / "store" / "functions", suffix=".lua")
        if (problem := _header_problem(path))
    ]
    assert violations == [], report(violations)


def test_every_test_file_has_tests() -> None:
    violations = [
        name_of(path)
        for path in TEST_FILES
        if not any(function.name.startswith("test_") for function in functions(path))
    ]
    assert violations == [], report(violations)


def test_no_test_sleeps() -> None:
    """``sleep(0)`` yields to the event loop and is allowed. Elsewhere a test awaits an event."""
    violations = [
        f"{name_of(path)}:{call.lineno}"
        for path in TEST_FILES
        for call in _sleeps(path)
        if not _is_zero(call)
    ]
    assert violations == [], report(violations)


def test_unit_tests_mirror_the_packages() -> None:
    unit = TESTS / "unit"
    tested = {
        path.relative_to(unit).parts[0].removesuffix(".py").removeprefix("test_") for path in sources(unit)
    }
    packages = {path.relative_to(SERVICE).parts[0].removesuffix(".py") for path in sources(SERVICE)}
    assert tested - {"__init__", "conftest"} <= packages


def _header_problem(path: Path) -> str | None:
    header = path.read_text().partition("\n\n")[0]
    if not header.startswith("-- "):
        return "no header"
    if path.parent.name == "includes":
        return None
    if not header.startswith(f"-- {path.stem}: "):
        return "the header does not start with the name of the function"
    missing = [heading for heading in LUA_HEADINGS if f"-- {heading}" not in header]
    return f"no {', '.join(missing)}" if missing else None


def _sleeps(path: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "sleep"]


def _is_zero(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
