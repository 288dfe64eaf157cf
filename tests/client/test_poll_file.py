"""Poll files in TOML and JSON."""

from __future__ import annotations

import pytest
from pollwire.poll_file import PollFileError, parse_poll

TOML = """
kind = "single"
question = "Tea?"
opens_at = 2026-07-02T08:00:00
closes_at = 2026-07-02T10:00:00+02:00
timezone = "Africa/Accra"
[[options]]
id = "yes"
label = "Yes"
"""


def test_toml_times_are_converted_to_text() -> None:
    """Check that TOML times become text as in the protocol: local without an offset, others with theirs."""
    poll = parse_poll(TOML, "poll.toml")
    assert (poll["opens_at"], poll["closes_at"]) == ("2026-07-02T08:00:00", "2026-07-02T10:00:00+02:00")
    assert poll["options"] == [{"id": "yes", "label": "Yes"}]


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", '{"kind": "single"}'), ("-", ' {"kind": "single"}'), ("-", 'kind="single"')]
)
def test_format_is_detected_by_name_or_first_character(name: str, text: str) -> None:
    """Standard input has no name, so its first character distinguishes JSON from TOML."""
    assert parse_poll(text, name) == {"kind": "single"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "a.json is not JSON"),
        ("a.toml", "{", "a.toml is not TOML"),
        ("-", "[1]", "must hold one poll"),
        ("-", "[" * 100_000, "is not JSON"),
    ],
)
def test_invalid_poll_file_raises_one_sentence(name: str, text: str, message: str) -> None:
    """Check that invalid text is rejected in one sentence with the name of the file."""
    with pytest.raises(PollFileError, match=message):
        parse_poll(text, name)
