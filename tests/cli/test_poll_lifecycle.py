"""The whole lifecycle of a poll of each kind on the command line: real processes, a real service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.cli.conftest import CommandResult, Running
from tests.pollwire_process import ROOT, Up

PROGRAM = "from pollwire.cli import main; main(prog_name='pollwire')"
OPTIONS = [{"id": name, "label": name.upper()} for name in "abc"]
WITHIN_S = 30


class Life(NamedTuple):
    """A poll of one kind, the votes of three voters, and the expected counts."""

    kind: str
    votes: tuple[tuple[str, ...], ...]
    """Votes of the first and the second voter, and the second voter's changed vote."""
    counts: dict[str, int]
    third: tuple[str, ...]
    """Vote of the third voter after the poll was reopened."""


LIVES = [
    Life("single", (("a",), ("b",), ("a",)), {"a": 2, "b": 0, "c": 0}, ("c",)),
    Life("multiple", (("a", "b"), ("b",), ("b", "c")), {"a": 1, "b": 2, "c": 1}, ("a",)),
    Life("rating", (("5",), ("1",), ("4",)), {"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}, ("3",)),
    Life("ranked", (("b", "a"), ("c",), ("b", "c", "a")), {"a": 0, "b": 2, "c": 0}, ("a", "c")),
    Life("prediction", (("a",), ("b",), ("a",)), {"a": 2, "b": 0, "c": 0}, ("b",)),
]


class Terminal:
    """A shell with its own data folder and the address of a service."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self._to = () if url is None else ("--url", url)

    async def __call__(self, *command: str, exit_code: int = 0) -> CommandResult:
        """Run a command to its end. It must end with this exit code."""
        process = await self._start(*command)
        out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
        result = CommandResult(process.returncode or 0, out.decode(), err.decode())
        assert result.exit_code == exit_code, (command, result)
        return result

    async def json(self, *command: str) -> Any:  # Any: the wire's JSON
        """Return the JSON output of a command."""
        return (await self(*command, "--json")).json

    async def running(self, *command: str) -> Running:
        """Start a long-running command."""
        return Running(await self._start(*command))

    async def _start(self, *command: str) -> asyncio.subprocess.Process:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POLLWIRE_")}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", PROGRAM, *command, *self._to),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**clean, "PYTHONPATH": str(ROOT), "POLLWIRE_DATA_DIR": str(self.folder)},
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """Start ``pollwire up`` for all lifecycles. Each has its own poll."""
    folder = tmp_path_factory.mktemp("lives")
    (folder / "logs").mkdir()
    service = Up(folder / "d", folder / "logs")
    try:
        yield await (await service.start()).ready()
    finally:
        await service.kill()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.kind)
async def test_every_lifecycle_step_from_the_command_line(up: Up, tmp_path: Path, life: Life) -> None:
    """Check every step from the creation to the deletion, and the output of each command."""
    operator = Terminal(up.data)
    people = [Terminal(tmp_path / f"voter-{number}", up.url) for number in range(3)]
    await _is_made(operator, life, tmp_path)
    await _is_voted_on(operator, people, life)
    await _is_opened_again(operator, people, life)
    await _is_read(operator, life, tmp_path)
    await _ends(operator, people[0], life)


async def _is_made(operator: Terminal, life: Life, folder: Path) -> None:
    """Create a scheduled poll from a file, edit it, and open it."""
    draft = {"id": life.kind, "kind": life.kind, "question": "Which", "opens_at": "2100-01-01T00:00:00Z"}
    options = {} if life.kind == "rating" else {"options": OPTIONS}
    (folder / "poll.json").write_text(
        json.dumps({**draft, **options, "revote": "withdraw", "results": "operators"})
    )
    (folder / "edit.json").write_text('{"question": "Which one?"}')
    made = await operator.json("polls", "create", str(folder / "poll.json"))
    assert (made["phase"], made["version"]) == ("scheduled", 1)
    assert life.kind in (await operator("polls", "list", "--phase", "scheduled")).out
    assert (await operator.json("polls", "edit", life.kind, str(folder / "edit.json")))[
        "question"
    ] == "Which one?"
    assert "Which one?" in (await operator("polls", "show", life.kind)).out
    assert (await operator("polls", "open", life.kind)).out.startswith(f"{life.kind} is open")


async def _is_voted_on(operator: Terminal, people: list[Terminal], life: Life) -> None:
    """Cast two votes, change one, and watch until the poll is closed."""
    first, second, changed = life.votes
    watching = await operator.running("watch", life.kind, "--until-final", "--json")
    async with watching:
        assert json.loads(await watching.line())["voters"] == 0
        await asyncio.gather(people[0]("vote", life.kind, *first), people[1]("vote", life.kind, *second))
        assert (await people[1].json("vote", life.kind, *changed))["status"] == "changed"
        assert (await people[0].json("vote", life.kind, *first))["status"] == "unchanged"
        assert (await operator("polls", "close", life.kind)).out.startswith(f"{life.kind} is closed")
        last = json.loads(await watching.line())
        while not last["final"]:
            last = json.loads(await watching.line())
        assert (last["phase"], last["voters"], last["counts"]) == ("closed", 2, life.counts)
        assert (await watching.end())[0] == 0
    refused = await people[2]("vote", life.kind, *life.third, exit_code=1)
    assert len(refused.err.splitlines()) == 1


async def _is_opened_again(operator: Terminal, people: list[Terminal], life: Life) -> None:
    """Reopen the poll, cast and withdraw a late vote, and publish the totals."""
    assert (await operator.json("polls", "reopen", life.kind, "--closes-at", "2100-01-01T00:00:00Z"))[
        "phase"
    ] == "open"
    assert (await people[2].json("vote", life.kind, *life.third))["status"] == "counted"
    assert (await people[2].json("vote", life.kind, "--withdraw"))["status"] == "withdrawn"
    assert "voter" not in (await people[2]("polls", "show", life.kind)).out
    assert (await operator.json("polls", "publish", life.kind))["results"] == "always"
    assert "2 voters" in (await people[2]("polls", "show", life.kind)).out


async def _is_read(operator: Terminal, life: Life, folder: Path) -> None:
    """Check that recount, export, timeline and audit log agree."""
    recount = await operator.json("polls", "recount", life.kind)
    assert (recount["matches"], recount["recounted"]) == (True, {"voters": 2, "counts": life.counts})
    file = folder / "votes.csv"
    assert (await operator.json("polls", "export", life.kind, "--out", str(file)))["votes"] == 2
    assert len(file.read_text().splitlines()) == 3
    ndjson = (await operator("polls", "export", life.kind, "--format", "ndjson")).out
    assert len(ndjson.splitlines()) == 2
    points = (await operator.json("polls", "timeline", life.kind))["points"]
    assert (points[-1]["voters"], points[-1]["counts"]) == (2, life.counts)
    log = (await operator.json("polls", "audit", life.kind))["items"]
    assert [entry["act"] for entry in log] == ["publish", "reopen", "close", "open", "edit", "create"]


async def _ends(operator: Terminal, voter: Terminal, life: Life) -> None:
    """Resolve a prediction twice, or reset and cancel the poll. Then archive and delete it."""
    if life.kind == "prediction":
        await operator("polls", "close", life.kind)
        assert (await operator.json("polls", "resolve", life.kind, "b"))["phase"] == "resolved"
        assert (await operator.json("polls", "unresolve", life.kind))["phase"] == "closed"
        resolved = await operator.json("polls", "resolve", life.kind, "a", "--note", "by the count")
        assert resolved["resolution"]["outcome"] == "a"
        await operator("polls", "cancel", life.kind, exit_code=1)
    else:
        assert (await operator("polls", "reset", life.kind, "--yes")).exit_code == 0
        assert (await operator.json("polls", "recount", life.kind))["recounted"]["voters"] == 0
        assert (await voter.json("vote", life.kind, *life.third))["status"] == "counted"
        assert (await operator("polls", "cancel", life.kind)).out == f"{life.kind} is canceled.\n"
    assert (await operator("polls", "archive", life.kind, "--yes")).out == f"{life.kind} is archived.\n"
    await operator("polls", "recount", life.kind, exit_code=1)
    assert (await operator("polls", "delete", life.kind, "--yes")).out == f"{life.kind} deleted.\n"
    missing = await operator("polls", "show", life.kind, exit_code=1)
    assert life.kind in missing.err
