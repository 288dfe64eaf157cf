"""Help pages at the ``type`` URIs of problems (RFC 9457, section 3.1.1): the meaning and the fix."""

from __future__ import annotations

import tomllib
from html import escape
from typing import Final

from pollwire_server.app.openapi.html_page import template, text
from pollwire_server.problem_details import TABLE, Problem

ADDRESS: Final = "/problems"

PROBLEMS: Final[dict[str, Problem]] = {problem.slug: problem for problem in TABLE.values()}
"""The problem of each slug. If classes share a slug, the last one is the most specific."""


def help_texts() -> dict[str, str]:
    """Return the help texts of ``problems.toml``, by slug."""
    return {slug: help_text.strip() for slug, help_text in tomllib.loads(text("problems.toml")).items()}


def problem_page(slug: str) -> str:
    """Render the page of one problem."""
    return template("problem.html").substitute(_fields_of(PROBLEMS[slug]), help=escape(help_texts()[slug]))


def index_page() -> str:
    """Render the list of all problems, by status."""
    row = template("problem_row.html")
    rows = (row.substitute(_fields_of(problem)) for problem in sorted(PROBLEMS.values()))
    return template("problems.html").substitute(rows="".join(rows))


def _fields_of(problem: Problem) -> dict[str, object]:
    return {"status": problem.status, "slug": escape(problem.slug), "title": escape(problem.title)}
