"""Import contracts of pyproject.toml, and the rules that they cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import CLIENT, ROOT, SERVICE, name_of, report, sources, syntax_tree

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
READERS_OF_THE_ENVIRONMENT = {
    "service/pollwire_server/cli.py",
    "service/pollwire_server/supervisor/workers.py",
    "clients/python/src/pollwire/cli/context.py",
}
MODULES_WITH_SIDE_EFFECTS = {
    *("asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "time", "uuid"),
}


def imported_by(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_import_contracts_hold() -> None:
    linted = subprocess.run(
        [LINT_IMPORTS, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert linted.returncode == 0, linted.stdout


def test_domain_imports_only_msgspec_and_pure_modules() -> None:
    allowed = (sys.stdlib_module_names | {"msgspec", "pollwire_server"}) - MODULES_WITH_SIDE_EFFECTS
    violations = [
        f"{name_of(path)}: {', '.join(sorted(imported_by(path) - allowed))}"
        for path in sources(SERVICE / "domain")
        if imported_by(path) - allowed
    ]
    assert violations == [], report(violations)


def test_environment_is_read_only_where_a_command_starts() -> None:
    readers = {
        name_of(path)
        for path in sources(SERVICE, CLIENT)
        if {"environ", "getenv"} & _attributes_of("os", path)
    }
    assert readers <= READERS_OF_THE_ENVIRONMENT


def _attributes_of(module: str, path: Path) -> set[str]:
    return {
        node.attr
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }
