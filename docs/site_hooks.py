"""MkDocs hook: copies the documents outside ``docs`` into the site, where pages link to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_OUTSIDE = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
_PREFIX = "project/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents of the repository's root as pages below ``project/``."""
    root = Path(config.config_file_path).parent
    for name in _OUTSIDE:
        text = (root / name).read_text(encoding="utf-8")
        # Links are relative to the root; in the site the pages are one folder below ``docs``.
        text = re.sub(r"\]\(docs/", "](../", text)
        files.append(File.generated(config, f"{_PREFIX}{name}", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to the root's documents lead to their pages in the site."""
    depth = page.file.src_uri.count("/")
    if page.file.src_uri.startswith(_PREFIX):
        return markdown
    up = "../" * depth
    return re.sub(
        r"\]\((?:\.\./)+(" + "|".join(map(re.escape, _OUTSIDE)) + r")", rf"]({up}{_PREFIX}\1", markdown
    )
