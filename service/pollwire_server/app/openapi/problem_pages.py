"""Pages for what problems name as their ``type`` (RFC 9457, 3.1.1): what each means, and what to do."""

from __future__ import annotations

import tomllib
from html import escape
from typing import Final

from pollwire_server.app.openapi.html_page import template, text
from pollwire_server.problem_details import TABLE, Problem

ADDRESS: Final = "/problems"

PROBLEMS: Final[dict[str, Problem]] = {problem.slug: problem for problem in TABLE.values()}
"""Each slug with the line of the table that is most its own: the last, since ancestors come first."""


def help_texts() -> dict[str, str]:
    """What ``problems.toml`` says, by slug."""
    return {slug: said.strip() for slug, said in tomllib.loads(text("problems.toml")).items()}


def problem_page(slug: str) -> str:
    """The page of one problem."""
    return template("problem.html").substitute(_told(PROBLEMS[slug]), help=escape(help_texts()[slug]))


def index_page() -> str:
    """All of them, by status."""
    row = template("problem_row.html")
    rows = (row.substitute(_told(problem)) for problem in sorted(PROBLEMS.values()))
    return template("problems.html").substitute(rows="".join(rows))


def _told(problem: Problem) -> dict[str, object]:
    return {"status": problem.status, "slug": escape(problem.slug), "title": escape(problem.title)}
