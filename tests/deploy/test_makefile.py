"""The output of make in a clone in which nothing is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.dockerfile import ROOT


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def old_python(tmp_path: Path) -> Path:
    """Create a program that reports the version of an old Python."""
    python = tmp_path / "python3.9"
    python.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 || exit 1\n')
    python.chmod(0o755)
    return python


def test_make_without_target_lists_targets() -> None:
    listed = make()
    assert listed.returncode == 0
    names = [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("  make ")]
    assert {"setup", "up", "test", "check", "bench", "lock", "clean"} <= set(names)
    assert len(names) == len(set(names))
    assert listed.stdout == make("help").stdout


def test_make_with_old_python_names_required_version(old_python: Path, tmp_path: Path) -> None:
    refused = make("setup", f"PYTHON={old_python}", f"VENV={tmp_path}/venv")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer" in refused.stdout
    assert "Python 3.9.2" in refused.stdout
    assert not (tmp_path / "venv").exists()


def test_make_without_python_explains_how_to_choose_one(tmp_path: Path) -> None:
    refused = make("setup", "PYTHON=python-of-tomorrow", f"VENV={tmp_path}/venv")
    assert refused.returncode != 0
    assert "There is no python-of-tomorrow here" in refused.stdout


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("Makefile", "test: dev chromium check "),
        ("Makefile", "test-all: test long-tests "),
        (".ci/run", "exec make test-all\n"),
    ],
)
def test_ci_runs_every_test(place: str, line: str) -> None:
    assert f"\n{line}" in (ROOT / place).read_text()
