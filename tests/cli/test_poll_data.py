"""Lifecycle and stored data of a poll on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire


async def test_publish_reset_cancel_and_archive(pollwire: Pollwire, service: Service) -> None:
    """Check publish, reset, cancel and archive. Reset and archive ask for confirmation."""
    poll = (await service.create_poll(results="operators"))["id"]
    assert (await pollwire("polls", "publish", poll, "--json")).json["results"] == "always"
    await service.vote(poll, "rice", await service.voter())
    refused = await pollwire("polls", "reset", poll, stdin="n\n")
    assert refused.exit_code == 1
    assert (await pollwire("polls", "reset", poll, "--yes")).exit_code == 0
    assert (await pollwire("polls", "cancel", poll)).out == f"{poll} is canceled.\n"
    assert (await pollwire("polls", "archive", poll, "--yes")).out == f"{poll} is archived.\n"
    result = await pollwire("polls", "audit", poll)
    assert [line.split("\t")[2] for line in result.out.splitlines()] == [
        *("archive", "cancel", "reset", "publish", "create")
    ]
    assert "phase canceled -> archived" in result.out.splitlines()[0]


async def test_export_writes_votes(pollwire: Pollwire, service: Service, tmp_path: Path) -> None:
    """Check that an export goes to standard output, or into a file with the number of votes printed."""
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "rice", await service.voter())
    printed = await pollwire("polls", "export", poll, "--format", "ndjson")
    assert '"choice":"rice"' in printed.out
    file = tmp_path / "votes.csv"
    result = await pollwire("polls", "export", poll, "--out", str(file), "--json")
    assert result.json == {"file": str(file), "votes": 1}
    assert file.read_text("utf-8-sig").splitlines()[0] == "voter,choice,label,at,revision"


async def test_rejected_export_leaves_no_file(pollwire: Pollwire, service: Service, tmp_path: Path) -> None:
    """Check that a rejected export prints one line and leaves no file."""
    result = await pollwire("polls", "export", "nowhere", "--out", str(tmp_path / "votes.csv"))
    assert result.exit_code == 1
    assert [name for name in os.listdir(tmp_path) if name.startswith("votes")] == []
    assert len(result.err.splitlines()) == 1


async def test_recount_prints_whether_totals_match(pollwire: Pollwire, service: Service) -> None:
    """Check the output of a matching recount, and exit code 1 of a mismatch."""
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "rice", await service.voter())
    result = await pollwire("polls", "recount", poll)
    assert (result.exit_code, result.out) == (0, "The totals match the ballots of 1 voter.\n")
    record = await service.store.polls.get(poll)
    await service.store.connection.client.hincrby(record.keys[1], "A", 5)
    wrong = await pollwire("polls", "recount", poll, "--json")
    assert (wrong.exit_code, wrong.json["matches"]) == (1, False)


async def test_purge_asks_for_confirmation(pollwire: Pollwire, service: Service) -> None:
    """Check that a purge asks for confirmation and prints the number of removed votes."""
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "rice", await service.voter())
    span = ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
    assert (await pollwire("polls", "purge", poll, *span, stdin="n\n")).exit_code == 1
    result = await pollwire("polls", "purge", poll, *span, "--yes")
    assert (result.exit_code, result.out) == (0, "1 votes removed.\n")


async def test_purge_by_tag_removes_votes_of_one_network(pollwire: Pollwire, service: Service) -> None:
    """Check that the report lists networks by tag, and that a purge removes one network's votes."""
    poll = (await service.create_poll(network_tags=True))["id"]
    await service.vote(poll, "rice", await service.voter())
    text = (await pollwire("polls", "report", poll)).out
    (tag,) = (await pollwire("polls", "report", poll, "--json")).json["tags"]
    assert f"network {tag['tag']}: 1 votes (100%), 100% for rice, 0% elsewhere, 1 of them at" in text
    assert (await pollwire("polls", "purge", poll, "--tag", tag["tag"], stdin="n\n")).exit_code == 1
    result = await pollwire("polls", "purge", poll, "--tag", tag["tag"], "--yes")
    assert (result.exit_code, result.out) == (0, "1 votes removed.\n")


async def test_erase_by_receipt_removes_the_vote(pollwire: Pollwire, service: Service) -> None:
    """Check that an erasure by receipt asks for confirmation, removes the vote, or reports a missing one."""
    poll = (await service.create_poll())["id"]
    receipt = (await service.vote(poll, "rice", await service.voter())).json()["receipt"]
    refused = await pollwire("polls", "erase", poll, "--receipt", receipt, stdin="n\n")
    assert (refused.exit_code, refused.out) == (1, "")
    result = await pollwire("polls", "erase", poll, "--receipt", receipt, "--yes")
    assert (result.exit_code, result.out) == (0, "Vote erased.\n")
    assert (await pollwire("polls", "erase", poll, "--receipt", receipt, "--yes", "--json")).json == {
        "erased": False
    }
    assert (await pollwire("polls", "recount", poll, "--json")).json["stored"]["voters"] == 0
    wrong = await pollwire("polls", "erase", poll, "--receipt", "-no receipt", "--yes")
    assert (wrong.exit_code, len(wrong.err.splitlines())) == (1, 1)


@pytest.mark.parametrize("named", [(), ("--from", "2020-01-01T00:00:00Z"), ("--to", "2020-01-01T00:00:00Z")])
async def test_purge_without_span_is_a_usage_error(
    pollwire: Pollwire, service: Service, named: tuple[str]
) -> None:
    """Check that half a span, or no arguments, is a usage error."""
    poll = (await service.create_poll())["id"]
    result = await pollwire("polls", "purge", poll, *named, "--yes")
    assert result.exit_code == 2
    assert "--tag" in result.err
