"""The files of the project, as git lists them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service" / "pollwire_server"
CLIENT = ROOT / "clients" / "python" / "src" / "pollwire"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file that is in the repository, or would be after ``git add``."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in sorted(set(listed.splitlines())) if (path := ROOT / name).is_file())


def sources(*folders: Path, suffix: str = ".py") -> list[Path]:
    """Return the files of one kind below the folders, without empty files."""
    return [
        path
        for path in project_files()
        if path.suffix == suffix
        and any(path.is_relative_to(folder) for folder in folders)
        and path.stat().st_size
    ]


def texts() -> Iterator[tuple[Path, str]]:
    """Return every text file with its content."""
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode()


@cache
def syntax_tree(path: Path) -> ast.Module:
    """Parse a Python file."""
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    """Return every function of a Python file, including methods and nested functions."""
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, Function):
            yield node


def name_of(path: Path) -> str:
    """Return the path of a file from the root of the project, for messages."""
    return str(path.relative_to(ROOT))


def report(violations: list[str]) -> str:
    """Return the message of a failed rule: the number of violations, then one line for each."""
    return "\n".join([f"{len(violations)} violations", *violations])
