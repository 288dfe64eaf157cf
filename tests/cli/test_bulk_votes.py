"""Votes sent from a file, and timelines, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from pollwire import Client
from pollwire.bulk_votes import LINES_A_PART
from pollwire.terminal.sparklines import columns_of, sparklines
from rich.console import Console

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire


async def test_votes_file_prints_count_of_each_status(
    pollwire: Pollwire, service: Service, tmp_path: Path
) -> None:
    """Check the count of each status, the number of a rejected line, and exit code 1."""
    poll = (await service.create_poll())["id"]
    file = tmp_path / "votes.ndjson"
    lines = [json.dumps({"voter": f"v{number}", "choice": "rice"}) for number in range(3)]
    file.write_text("\n".join([*lines, "", '{"voter": "v3", "choice": "bread"}', lines[0]]))
    result = await pollwire("votes", "send", poll, str(file))
    assert result.exit_code == 1
    assert result.out == "3 counted, 0 changed, 1 unchanged, 1 refused.\n"
    assert result.err.startswith("line 5: choice must be")
    piped = await pollwire("votes", "send", poll, "-", "--json", stdin="\n".join(lines))
    assert (piped.exit_code, piped.json) == (0, {"counted": 0, "changed": 0, "unchanged": 3, "refused": 0})


async def test_votes_for_unknown_poll_prints_one_line(pollwire: Pollwire, service: Service) -> None:
    """Check that a rejected request prints one line."""
    result = await pollwire("votes", "send", "nowhere", "-", stdin='{"voter": "a", "choice": "b"}\n')
    assert (result.exit_code, len(result.err.splitlines())) == (1, 1)


async def test_lines_are_numbered_across_requests(service: Service) -> None:
    """Check that lines are numbered across several requests, for mappings and raw lines."""
    poll = (await service.create_poll())["id"]
    votes = [{"voter": str(number), "choice": "yam"} for number in range(LINES_A_PART)]
    async with Client(service.url, key=service.settings.admin_key) as client:
        answers = [result async for result in client.send_votes(poll, [*votes, b"broken\r\n", *votes[:1]])]
    assert [result["line"] for result in answers] == list(range(1, LINES_A_PART + 3))
    assert answers[-2]["problem"] == "/problems/malformed-body"
    assert answers[-1]["status"] == "unchanged"


async def test_timeline_prints_points(pollwire: Pollwire, service: Service) -> None:
    """Check the output: one line for each point in a pipe, the document with --json."""
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "rice", await service.voter())
    result = await pollwire("polls", "timeline", poll)
    assert [line.split("\t")[1:] for line in result.out.splitlines()] == [
        ["0", "rice=0", "yam=0"],
        ["1", "rice=1", "yam=0"],
    ]
    timeline = await pollwire("polls", "timeline", poll, "--json")
    assert [point["voters"] for point in timeline.json["points"]] == [0, 1]
    async with Client(service.url) as client:
        assert (await client.timeline(poll))["points"][-1]["counts"] == {"rice": 1, "yam": 0}


def test_timeline_columns_are_evenly_spaced() -> None:
    """Check that a value lasts until the next point, and that the last column is the last point."""
    points = [
        {"at": f"2026-01-01T00:00:{second:02}.000Z", "voters": second, "counts": {"a": second}}
        for second in (0, 1, 10)
    ]
    assert [point["voters"] for point in columns_of(points, 11)] == [0, *[1] * 9, 10]
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(sparklines(points))
    assert "█ 10" in shown.get()
    with console.capture() as shown:
        console.print(sparklines([]))
    assert "No votes yet." in shown.get()
