"""Parsing of the words typed for a vote."""

from __future__ import annotations

import pytest
from pollwire.cli.voter import parse_choice


@pytest.mark.parametrize(
    ("kind", "words", "choice"),
    [
        ("single", ["rice"], "rice"),
        ("single", ["rice", "yam"], ["rice", "yam"]),
        ("single", ["4"], "4"),
        ("multiple", ["rice"], ["rice"]),
        ("ranked", ["b", "a", "c"], ["b", "a", "c"]),
        ("ranked", ["b"], ["b"]),
        ("rating", ["4"], 4),
        ("rating", ["-1"], -1),
        ("rating", ["four"], "four"),
        ("rating", ["4", "5"], ["4", "5"]),
        ("rating", ["9" * 5000], "9" * 5000),
    ],
)
def test_choice_is_built_from_words_by_kind(kind: str, words: list[str], choice: object) -> None:
    """Check that lists keep their order, ratings become numbers, and other input is sent unchanged."""
    assert parse_choice(kind, words) == choice
