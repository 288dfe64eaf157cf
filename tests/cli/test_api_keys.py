"""API keys on the command line."""

from __future__ import annotations

from tests.api.conftest import Service
from tests.cli.conftest import Pollwire


async def test_keys_create_list_and_revoke(pollwire: Pollwire, service: Service) -> None:
    """Check that a new key works with ``--key``, is listed without its secret, and fails once revoked."""
    made = await pollwire("keys", "create", "night desk", "--scope", "polls:read", "--scope", "keys:write")
    assert (made.exit_code, made.err) == (0, "")
    key = made.out.strip()
    key_id = key.split("_")[1]
    assert (await pollwire("polls", "list", "--key", key)).exit_code == 0
    key_list = await pollwire("keys", "list", "--key", key)
    columns = key_list.out.strip().split("\t")
    assert (columns[0], columns[1], columns[3]) == (key_id, "polls:read,keys:write", "night desk")
    assert key not in key_list.out
    assert (await pollwire("keys", "list", "--json")).json["items"][0]["id"] == key_id
    assert (await pollwire("keys", "revoke", key_id)).out == f"{key_id} is revoked.\n"
    refused = await pollwire("polls", "list", "--key", key)
    assert (refused.exit_code, "revoked" in refused.err) == (1, True)


async def test_keys_errors_print_one_sentence(pollwire: Pollwire) -> None:
    """Check the message for an invalid scope, an invalid key and missing scopes."""
    wrong = await pollwire("keys", "create", "x", "--scope", "polls:burn")
    assert (wrong.exit_code, "one of polls:read, results:read" in wrong.err) == (1, True)
    assert (await pollwire("keys", "revoke", "a/b")).exit_code == 1
    assert (await pollwire("keys", "create", "x")).exit_code == 2
