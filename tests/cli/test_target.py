"""Selection of the service and the API key."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire
from tests.client.peer import Reply, answering


async def test_command_without_service_explains_the_options(new_user: Pollwire) -> None:
    """Check that without a running service and --url the message explains both options."""
    result = await new_user("polls", "list")
    assert result.exit_code == 3
    assert "pollwire up" in result.err
    assert "--url" in result.err


async def test_unreachable_service_has_its_own_exit_code(new_user: Pollwire) -> None:
    """Check that an unreachable service prints one line and has its own exit code, also with --json."""
    (new_user.folder / "service.json").write_text('{"url": "http://127.0.0.1:9"}')
    for_people = await new_user("polls", "list")
    for_programs = await new_user("polls", "list", "--json")
    assert for_people.exit_code == for_programs.exit_code == 3
    assert for_people.err.splitlines() == [f"Error: {json.loads(for_programs.err)['detail']}"]


async def test_url_and_key_options_override_the_data_folder(new_user: Pollwire, service: Service) -> None:
    """Check that --url and --key are used instead of the data folder, at any position."""
    key = str(service.settings.admin_key)
    assert (await new_user("--url", service.url, "polls", "--key", key, "list")).exit_code == 0
    assert (await new_user("polls", "list", "--url", f"{service.url}/", "--key", key)).exit_code == 0
    wrong = await new_user("polls", "list", "--url", service.url, "--key", "wrong", "--json")
    assert (wrong.exit_code, json.loads(wrong.err)["type"]) == (1, "/problems/api-key-invalid")


async def test_key_of_data_folder_is_not_sent_to_another_url(pollwire: Pollwire) -> None:
    """Check that the key in the data folder is not sent to the service given by --url."""
    async with answering(Reply(200, {"items": [], "next": None})) as other:
        await pollwire("polls", "list", "--url", other.url)
    assert len(other.requests) == 1
    assert "authorization" not in other.requests[0].lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ("polls", "create", "absent.toml"),
        ("vote", "lunch"),
        ("vote", "lunch", "rice", "--withdraw"),
        ("polls", "list", "--limit", "0"),
        ("polls", "list", "--url", "localhost"),
        ("frobnicate",),
        ("up", "--port", "eight"),
    ],
)
async def test_usage_error_has_exit_code_2(new_user: Pollwire, arguments: tuple[str, ...]) -> None:
    """Check that usage errors end with exit code 2 and a message on standard error."""
    result = await new_user(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.err


async def test_help_needs_no_service(new_user: Pollwire) -> None:
    for arguments in ((), ("polls",), ("polls", "create"), ("vote",), ("watch",), ("up",)):
        result = await new_user(*arguments, "--help")
        assert result.exit_code == 0
        assert "Usage: pollwire" in result.out
