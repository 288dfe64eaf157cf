"""Distributions built once, and environments that contain nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.pollwire_process import Up

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> str:
    """Run a command and return its output. ``environ`` changes its environment. Fail if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(folder: Path, *packages: str, constraints: Path) -> Path:
    """Create a virtual environment with these packages and return its interpreter."""
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, *packages)
    return python


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that ``make dist`` filled."""
    folder = tmp_path_factory.mktemp("packages") / "dist"
    run("make", "--no-print-directory", "dist", f"DIST={folder}")
    return folder


@pytest.fixture(scope="session")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the locked versions without their hashes, because a local wheel has none."""
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    path.write_text(
        "\n".join(re.findall(r"^[\w.-]+==[^\s\\]+", (ROOT / "requirements.txt").read_text(), re.M))
    )
    return path


@pytest.fixture(scope="session")
def server(dist: Path, constraints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the server's wheel."""
    wheels = [str(next(dist.glob(f"{name}-*.whl"))) for name in ("pollwire", "pollwire_server")]
    return environment(tmp_path_factory.mktemp("server") / "venv", *wheels, constraints=constraints)


@pytest.fixture
async def service(server: Path, tmp_path: Path) -> AsyncIterator[Up]:
    """Run the installed server in a folder of its own."""
    up = Up(tmp_path / "d", tmp_path, PYTHONPATH="")
    up.cwd, up.python = tmp_path, server
    await (await up.start()).ready()
    await up.make_poll()
    yield up
    await up.kill()
