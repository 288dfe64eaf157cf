"""The files of the project, as git keeps them."""

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
MARKS_OF_BINARY = b"\0"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def kept_files() -> tuple[Path, ...]:
    """Every file that is in the repository, or would be once added."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.splitlines() if (path := ROOT / name).is_file())


def sources(folder: Path, suffix: str = ".py") -> list[Path]:
    """The kept files of one kind below a folder, those with something in them."""
    return [
        path
        for path in kept_files()
        if path.suffix == suffix and path.is_relative_to(folder) and path.stat().st_size
    ]


def texts() -> Iterator[tuple[Path, str]]:
    """Every kept file that holds text."""
    for path in kept_files():
        content = path.read_bytes()
        if MARKS_OF_BINARY not in content:
            yield path, content.decode()


def functions(path: Path) -> Iterator[Function]:
    """Every function of a Python file, methods and inner ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def name_of(path: Path) -> str:
    """A path as a test reports it."""
    return str(path.relative_to(ROOT))
