"""Who may know whom: the contracts of pyproject.toml hold, and cover what they should."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT, SERVICE, name_of, sources

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
READERS_OF_THE_ENVIRONMENT = {
    "service/pollwire_server/cli.py",
    "service/pollwire_server/supervisor/workers.py",
}


def contract(name: str) -> dict[str, Any]:  # Any: what TOML holds
    """One contract of pyproject.toml."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [found] = [contract for contract in linter["contracts"] if contract["id"] == name]
    return dict(found)


def rooms() -> set[str]:
    """The packages and modules at the top of the service."""
    names = {path.relative_to(SERVICE).parts[0].removesuffix(".py") for path in sources(SERVICE)}
    return names - {"__init__"}


def imported_by(path: Path) -> set[str]:
    """The top-level names of the packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_contracts_hold() -> None:
    """No room imports what its place forbids, directly or by a detour."""
    linted = subprocess.run(
        [LINT_IMPORTS, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("path", sources(SERVICE / "domain"), ids=name_of)
def test_the_domain_stands_on_next_to_nothing(path: Path) -> None:
    """What is true of polls needs the standard library and msgspec, and no clock, socket or dice of it."""
    allowed = sys.stdlib_module_names | {"msgspec", "pollwire_server"}
    restless = {"asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "time", "uuid"}
    assert imported_by(path) <= allowed - restless


def test_one_place_reads_the_environment() -> None:
    """Settings are read once, where the command starts; everything else is handed them."""
    readers = {
        name_of(path) for path in sources(SERVICE) if {"environ", "getenv"} & _attributes_of("os", path)
    }
    assert readers <= READERS_OF_THE_ENVIRONMENT


def _attributes_of(module: str, path: Path) -> set[str]:
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }
