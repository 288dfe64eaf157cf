"""MkDocs hooks: add the documents outside ``docs`` to the site, and load nothing from other servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_OUTSIDE = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "THIRD-PARTY-LICENSES.md")
_PREFIX = "project/"
_BACKGROUND = ("adr/", "project/CHANGELOG.md", "project/THIRD-PARTY-LICENSES.md")
_BACKGROUND_BOOST = 0.1  # the search lists pages with instructions first
_FOREIGN_SCRIPT = "https://unpkg.com/iframe-worker/shim"  # the theme's, for search in files


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
    """Let links to the root's documents lead to their pages in the site, and rank background last."""
    if page.file.src_uri.startswith(_BACKGROUND):
        page.meta["search"] = {"boost": _BACKGROUND_BOOST}
    depth = page.file.src_uri.count("/")
    if page.file.src_uri.startswith(_PREFIX):
        return markdown
    up = "../" * depth
    return re.sub(
        r"\]\((?:\.\./)+(" + "|".join(map(re.escape, _OUTSIDE)) + r")", rf"]({up}{_PREFIX}\1", markdown
    )


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Replace the theme's script from another server by our own."""
    return output.replace(_FOREIGN_SCRIPT, "../" * page.file.dest_uri.count("/") + "file_worker.js")


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of an unknown address, which is not a page to MkDocs."""
    return output_content.replace(_FOREIGN_SCRIPT, "/file_worker.js")
