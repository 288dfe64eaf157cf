"""The replies of the functions and the Python enums have the same values."""

from __future__ import annotations

import re
from importlib.resources import files

from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, RANKINGS
from pollwire_server.store.transport.function_library import _FUNCTIONS, _INCLUDES, OUTCOMES, ReplyCode

FUNCTIONS = files("pollwire_server.store").joinpath("functions")
_CONSTANT = re.compile(r"^local ([A-Z_]+) = '(\w+)'", re.MULTILINE)


def lua(name: str) -> str:
    """Return the source of a Lua file."""
    return FUNCTIONS.joinpath(name).read_text("utf-8")


def test_reply_codes_match_lua_constants() -> None:
    in_lua = dict(_CONSTANT.findall(lua("includes/reply_codes.lua")))
    answers = {answer.name: answer.value for answer in ReplyCode}
    letters = {name: letter for letter, (name, _) in OUTCOMES.items()}
    assert in_lua == answers | letters


def test_bucket_number_matches_lua() -> None:
    assert f"voter:byte() % {BUCKETS}" in lua("includes/ballots.lua")
    assert f"local FIRST_BUCKET = {FIRST_BUCKET + 1}" in lua("includes/ballots.lua")  # Lua counts from one
    assert f"local RANKINGS = FIRST_BUCKET + {RANKINGS - FIRST_BUCKET}" in lua("includes/ballots.lua")


def test_library_contains_every_lua_file() -> None:
    assert {path.name for path in FUNCTIONS.iterdir()} == {f"{name}.lua" for name in _FUNCTIONS} | {
        "includes"
    }
    includes = {path.name for path in FUNCTIONS.joinpath("includes").iterdir()}
    assert includes == {f"{name}.lua" for name in _INCLUDES}


def test_lua_function_file_starts_with_contract() -> None:
    for name in _FUNCTIONS:
        head = lua(f"{name}.lua").split("\n\n", 1)[0]
        assert head.startswith(f"-- {name}: "), name
        for part in ("KEYS", "ARGV", "Returns"):
            assert part in head, (name, part)
