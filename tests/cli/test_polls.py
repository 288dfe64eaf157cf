"""Polls on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.conftest import LUNCH, Service
from tests.cli.conftest import Pollwire

TOML = """
id = "lunch"
kind = "single"
question = "Rice or yam?"
opens_at = 2030-07-02T08:00:00
timezone = "Africa/Accra"
options = [{ id = "rice", label = "Rice" }, { id = "yam", label = "Yam" }]
"""


async def test_create_reads_toml(pollwire: Pollwire, service: Service, tmp_path: Path) -> None:
    """Check that a TOML file creates a poll, and that the output has its times and its address."""
    (tmp_path / "lunch.toml").write_text(TOML)
    result = await pollwire("polls", "create", str(tmp_path / "lunch.toml"))
    assert (result.exit_code, result.err) == (0, "")
    expected = f"lunch is scheduled, 2030-07-02 08:00 UTC.\n{service.url}/polls/lunch\n"
    assert result.out == expected


async def test_create_reads_json_from_standard_input(pollwire: Pollwire) -> None:
    """Check that JSON on standard input creates a poll, and that a repeat returns the same poll."""
    document = json.dumps({"id": "lunch", **LUNCH})
    first = await pollwire("polls", "create", "-", "--json", stdin=document)
    again = await pollwire("polls", "create", "-", "--json", stdin=document)
    assert first.json["id"] == again.json["id"] == "lunch"
    assert (first.exit_code, again.exit_code) == (0, 0)


async def test_create_invalid_poll_prints_the_field(pollwire: Pollwire) -> None:
    """Check that people see the service's message, and that programs get the problem document."""
    document = json.dumps({**LUNCH, "kind": "guess"})
    for_people = await pollwire("polls", "create", "-", stdin=document)
    for_programs = await pollwire("polls", "create", "-", "--json", stdin=document)
    assert for_people.exit_code == for_programs.exit_code == 1
    assert for_people.err.startswith("Error: ")
    assert "Traceback" not in for_people.err
    problem = json.loads(for_programs.err)
    assert (problem["status"], problem["field"]) == (422, "kind")
    assert problem["detail"] in for_people.err


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
async def test_create_from_unreadable_file_is_a_usage_error(pollwire: Pollwire, text: str) -> None:
    """Check that a file that is neither TOML nor JSON is rejected in one line before any request."""
    result = await pollwire("polls", "create", "-", stdin=text)
    assert result.exit_code == 2
    assert len(result.err.splitlines()) == 1


async def test_list_prints_polls_newest_first(pollwire: Pollwire, service: Service) -> None:
    """Check that polls are listed newest first, filtered by phase, and limited in number."""
    for name in ("one", "two", "three"):
        await service.create_poll(id=name)
    await service.act("two", "close")
    every = await pollwire("polls", "list")
    assert [row.split("\t")[0] for row in every.out.splitlines()] == ["three", "two", "one"]
    closed = await pollwire("polls", "list", "--phase", "closed", "--json")
    assert [poll["id"] for poll in closed.json["items"]] == ["two"]
    some = await pollwire("polls", "list", "--limit", "2")
    assert len(some.out.splitlines()) == 2
    assert "There are more" in some.err


async def test_show_prints_hidden_totals_to_operators(pollwire: Pollwire, service: Service) -> None:
    """Check that an operator sees totals that are hidden from the public."""
    poll = await service.create_poll(results="operators")
    await service.vote(poll["id"], "rice", await service.voter())
    result = await pollwire("polls", "show", poll["id"])
    assert "100.0 %" in result.out
    assert (await pollwire("polls", "show", poll["id"], "--json")).json["id"] == poll["id"]


async def test_open_close_and_reopen(pollwire: Pollwire, service: Service) -> None:
    """Check open, close, reopen and repeats, and that an action in the wrong phase is rejected."""
    await service.create_poll(id="lunch", opens_at="2030-01-01T00:00:00Z")
    for action, phase in (("open", "open"), ("open", "open"), ("close", "closed"), ("close", "closed")):
        result = await pollwire("polls", action, "lunch", "--json")
        assert (result.exit_code, result.json["phase"]) == (0, phase)
    assert (await pollwire("polls", "open", "lunch")).exit_code == 1
    again = await pollwire("polls", "reopen", "lunch", "--closes-at", "2031-01-01T00:00:00Z")
    assert again.out == "lunch is open until 2031-01-01 00:00 UTC.\n"


async def test_edit_changes_the_fields_of_the_file(pollwire: Pollwire, service: Service) -> None:
    """Check that the fields of the file change, and that an edit of an older version is rejected."""
    await service.create_poll(id="lunch")
    result = await pollwire("polls", "edit", "lunch", "-", "--version", "1", stdin='question = "Yam?"')
    assert result.out.endswith("Version 2.\n")
    late = await pollwire("polls", "edit", "lunch", "-", "--version", "1", stdin='question = "Rice?"')
    assert late.exit_code == 1
    assert (await pollwire("polls", "show", "lunch", "--json")).json["question"] == "Yam?"


async def test_delete_asks_for_confirmation(pollwire: Pollwire, service: Service) -> None:
    """Check that the poll is deleted only after confirmation."""
    await service.create_poll(id="lunch")
    assert (await pollwire("polls", "delete", "lunch", stdin="n\n")).exit_code != 0
    assert (await pollwire("polls", "show", "lunch")).exit_code == 0
    assert (await pollwire("polls", "delete", "lunch", "--yes")).out == "lunch deleted.\n"
    deleted = await pollwire("polls", "show", "lunch")
    assert (deleted.exit_code, deleted.err) == (1, "Error: The poll 'lunch' does not exist.\n")
