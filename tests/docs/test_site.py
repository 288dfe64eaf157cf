"""The built documentation site: its search finds the terms of newcomers, and it loads nothing from elsewhere.

``make long-tests`` builds the site (``make docs``) before these tests read its files.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.docs.examples import ROOT
from tests.docs.search_terms import SEARCH_TERMS

pytestmark = pytest.mark.slow

SITE = ROOT / ".site"


@pytest.fixture(scope="module")
def site() -> Path:
    """The folder of the site."""
    if not SITE.exists():
        assert not os.environ.get("CI"), "make docs has not built the site"
        pytest.skip("make docs has not built the site")
    return SITE


def test_search_index_has_every_term_in_a_title_of_its_page(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    titles: dict[str, list[str]] = {}
    for entry in entries:
        titles.setdefault(entry["location"].partition("#")[0], []).append(entry["title"].lower())
    misses = [
        f"{page}: {term}"
        for page, terms in SEARCH_TERMS.items()
        for term in terms
        if not any(term in title for title in titles.get(_location_of(page), ()))
    ]
    assert misses == []


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>|<link\b[^>]*rel=[\"']?stylesheet[^>]*//[^>]*>"
    )
    found = [
        f"{page.relative_to(site)}: {tag}"
        for page in site.rglob("*.html")
        for tag in loads.findall(page.read_text())
    ]
    assert found == []


def _location_of(page: str) -> str:
    """Return the location of a document in the search index."""
    path = page.removeprefix("docs/") if page.startswith("docs/") else f"project/{page}"
    return path.replace("README.md", "index.md").removesuffix(".md") + ".html"
