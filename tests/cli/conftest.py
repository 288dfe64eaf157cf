"""The command line as users run it, with the whole service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner
from pollwire.cli import main

from tests.api.conftest import Service, serve, store
from tests.api.conftest import own_service as service
from tests.event_loops import run_on_session_loop

__all__ = ["serve", "service", "store"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests on the session's loop, on which the shared service runs."""
    run_on_session_loop(items, Path(__file__).parent)


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # Any: the wire's JSON
        """Return the single JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Pollwire:
    """Runner for commands with a data folder of their own."""

    folder: Path

    async def __call__(self, *arguments: str, stdin: str | None = None) -> CommandResult:
        """Run a command to its end."""
        run = CliRunner(env=self._environment()).invoke
        result = await asyncio.to_thread(run, main, arguments, input=stdin, prog_name="pollwire")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)

    async def start(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE) -> Running:
        """Start a long-running command in its own process."""
        program = "from pollwire.cli import main; main(prog_name='pollwire')"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            *arguments,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment()},
        )
        return Running(process)

    def knows(self, service: Service) -> None:
        """Write the files that ``pollwire up`` writes into the data folder."""
        (self.folder / "service.json").write_text(json.dumps({"url": service.url}))
        (self.folder / "admin-key").write_text(f"{service.settings.admin_key}\n")

    def _environment(self) -> dict[str, str]:
        return {
            "POLLWIRE_DATA_DIR": str(self.folder),
            "POLLWIRE_ADMIN_KEY": "",
            "TERM": "xterm",
            "COLUMNS": "80",
        }


@dataclass(frozen=True)
class Running:
    """A long-running command. It is killed at the end of its block."""

    process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def line(self) -> str:
        """Return the next line on standard output."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 10)).decode().rstrip("\n")

    async def end(self) -> tuple[int, str]:
        """Return the exit code and everything on standard error."""
        assert self.process.stderr is not None
        errors = await asyncio.wait_for(self.process.stderr.read(), 10)
        return await self.process.wait(), errors.decode()


@pytest.fixture
def new_user(tmp_path: Path) -> Pollwire:
    """Return a runner with an empty data folder."""
    return Pollwire(tmp_path)


@pytest.fixture
def pollwire(new_user: Pollwire, service: Service) -> Pollwire:
    """Return a runner with the service's address and admin key."""
    new_user.knows(service)
    return new_user
