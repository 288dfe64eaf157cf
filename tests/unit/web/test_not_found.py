"""The choice between a page and a problem document for unknown addresses."""

from __future__ import annotations

import pytest
from pollwire_server.web.not_found import prefers_pages


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("application/json;q=0.5, text/html; level=1; q=0.7", True),
        ("application/xhtml+xml;q=0.1", True),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("text/html, application/problem+json", False),
        ("text/html;q=0", False),
        ("text/html;q=0.3, application/json;q=0.7", False),
        ("image/avif,image/webp,*/*;q=0.8", False),
        (";;q=;,=,text/htmlx", False),
        ("a," * 10_000 + "text/html", False),
    ],
)
def test_html_is_sent_to_those_who_name_it_first(accept: str, is_page: bool) -> None:
    """HTML is only sent if it is named with a higher weight than JSON. Invalid headers name nothing."""
    assert prefers_pages(accept) is is_page
