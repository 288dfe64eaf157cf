"""Conditional requests."""

from __future__ import annotations

import pytest
from pollwire_server.live.result_responses import matches

TAG = 'W/"abc"'


@pytest.mark.parametrize(
    ("header", "met"),
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
def test_if_none_match_is_read_as_http_has_it(header: str | None, met: bool) -> None:
    """Lists, weak forms and the asterisk are understood; what only looks like the tag is not."""
    assert matches(header, TAG) is met
