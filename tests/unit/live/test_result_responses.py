"""Conditional requests."""

from __future__ import annotations

import pytest
from pollwire_server.live.result_responses import matches

TAG = 'W/"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (" * ", True),
        ('W/"abc"', True),
        ('"abc"', True),
        ('"x", W/"abc"', True),
        ('"x","abc", "y"', True),
        ('"x"', False),
        ('"xabc"', False),
        ("abc", False),
        ('W/"x", "*"', False),
        ('"a,b", "abc"', True),
    ],
)
def test_if_none_match_uses_weak_comparison_of_list(header: str | None, expected: bool) -> None:
    assert matches(header, TAG) is expected
