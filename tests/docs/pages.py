"""The documents of the repository, and their headings and links as GitHub and MkDocs render them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.examples import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "clients" / "javascript" / "README.md",
    ROOT / "clients" / "python" / "README.md",
    ROOT / "service" / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if ".venv" not in page.parts),
]
"""Every document that is written for people."""

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose_of(page: Path) -> str:
    """Return the text of ``page`` without its code blocks."""
    return _FENCED.sub("", page.read_text())


def headings_of(page: Path, level: int | None = None) -> list[str]:
    """Return the headings of ``page``, of one level if it is given."""
    found = re.findall(r"^(#+) (.+)$", prose_of(page), re.MULTILINE)
    return [text for marks, text in found if level in (None, len(marks))]


def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub gives to ``heading``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links_of(page: Path) -> list[tuple[str, str]]:
    """Return the relative links of ``page`` as (path, anchor). A link within the page has no path."""
    return re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", prose_of(page))
