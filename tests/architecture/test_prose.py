"""Rules for prose: standard terms and plain English, in code, documentation and user interface.

The project once had a private vocabulary of metaphors and indirect sentences. These tests keep it out. A rule
that needs judgement has a limit for each 1,000 words instead of a ban.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.tree import ROOT, TESTS, name_of, project_files, report, sources, syntax_tree

BANNED = re.compile(
    r"\b(?:anew|whence|heed(?:s|ed)?|mend(?:s|ed|ing)?|so-many-th|for ever|told|at odds"
    r"|nobody(?:'s)?|whoever|whose rule|stands? on|lets? go of)\b"
    r'|^[ \t]*(?:"""|--+ |// |/\*\*? |# )(?-i:What|Whose|Whether|Who|That)\b',
    re.IGNORECASE | re.MULTILINE,
)
CHECKED_SUFFIXES = {
    ".py",
    ".lua",
    ".js",
    ".mjs",
    ".ts",
    ".tsx",
    ".css",
    ".c",
    ".html",
    ".toml",
    ".yml",
    ".md",
}
CHECKED_NAMES = {"Makefile", "Dockerfile"}
# These files quote the old vocabulary: the history, the list of terms, the rules, and old names in the store.
EXEMPT_FILES = {
    *(ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "glossary.md"),
    *(ROOT / "service" / "pollwire_server" / "store" / "migration.py", TESTS / "store" / "test_migration.py"),
    # A newspaper article, which the demo polls need as their surroundings.
    ROOT / "service" / "pollwire_server" / "web" / "static" / "page" / "demo.html",
}
EXEMPT_FOLDERS = (
    *(ROOT / "docs" / "adr", TESTS / "architecture", ROOT / "benchmarks" / "results"),
    ROOT / "service" / "pollwire_server" / "web" / "dist",
    ROOT / "service" / "pollwire_server" / "app" / "openapi" / "scalar",
)

WHAT_IS = r"\bwhat (?:is|was)\b"
WHO = r"\b(?:who|whoever|nobody|somebody)\b"
TELL = r"\b(?:tells?|told)\b"

OLD_NAMES = {
    *("Desk", "Recorder", "Wording", "Ear", "Wheel", "Sleeper", "Seats", "NoSeat", "Rush", "Mailbox"),
    *("LaneSocket", "LaneProtocol", "Enrolment", "Standings", "Allowances", "Rosters", "Forgetting"),
    *("OperatedPolls", "OperatedKeys", "OperatedSites", "OperatedWebhooks", "Notices", "BallotPaper"),
    *("KeptKey", "KeptIssuer", "MadeKey", "SeriesRoom", "Wish", "Meant"),
}
OLD_MODULES = {
    *("voting.desk", "voting.recorder", "voting.wording", "voting.lane", "live.ear", "live.wheel"),
    *("live.rush", "live.seats", "live.mailbox", "live.lane_socket", "store.rosters", "store.allowances"),
    *("store.forgetting", "store.turns", "app.edge", "app.wiring", "identity.sites"),
}
# Words that no name in Python may contain. Each has a standard term, such as response, stored or registry.
PRIVATE_WORDS = {
    *("said", "told", "untold", "heard", "held", "kept", "meant", "wish", "wishes", "tell", "hear"),
    *("roster", "rosters", "enrol", "enrolled", "enrolment", "heed", "anew", "mend", "whence", "lane"),
    *(
        "desk",
        "ear",
        "seat",
        "seats",
        "rush",
        "strand",
        "strands",
        "foul",
        "mailbox",
        "standing",
        "standings",
    ),
    *("allowance", "allowances", "soundness", "sleeper"),
}


class Corpus(NamedTuple):
    """Texts with the same limits: occurrences of each construct for 1,000 words."""

    texts: Callable[[], Iterable[tuple[Path, str]]]
    limits: dict[str, float]


def prose_files() -> Iterator[Path]:
    """Return the files that the ban applies to."""
    for path in project_files():
        is_checked = path.suffix in CHECKED_SUFFIXES or path.name in CHECKED_NAMES
        if not is_checked or path in EXEMPT_FILES:
            continue
        if not any(path.is_relative_to(folder) for folder in EXEMPT_FOLDERS):
            yield path


@cache
def parts_of(path: Path) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the docstrings of a Python file, and its names and imported modules with their lines.

    Texts below attributes and constants count as docstrings.
    """
    docstrings: list[str] = []
    names: list[tuple[int, str]] = []
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                docstrings.append(text)
            case ast.Name():
                names.append((node.lineno, node.id))
            case ast.Attribute():
                names.append((node.lineno, node.attr))
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names.append((node.lineno, node.name))
            case ast.arg():
                names.append((node.lineno, node.arg))
            case ast.ImportFrom():
                names += [(node.lineno, name) for name in (node.module or "", *_imported(node))]
            case ast.Import():
                names += [(node.lineno, name) for name in _imported(node)]
    return docstrings, names


def docstrings_below(*folders: Path) -> Iterator[tuple[Path, str]]:
    """Return the docstrings of all Python files below the folders."""
    return ((path, text) for path in sources(*folders) for text in parts_of(path)[0])


def comments() -> Iterator[tuple[Path, str]]:
    """Return the comments of all sources: Python, Lua, JavaScript, TypeScript, CSS and C."""
    for path in prose_files():
        text = path.read_text()
        match path.suffix:
            case ".py":
                yield from ((path, found) for found in re.findall(r"(?m)(?:^ *|  )# ([^\n]*)$", text))
            case ".lua":
                yield from ((path, found) for found in re.findall(r"--\[\[.*?\]\]|--[^\n]*", text, re.S))
            case ".js" | ".mjs" | ".ts" | ".tsx" | ".css" | ".c":
                for found in re.findall(r"/\*.*?\*/|(?<![\w:'\"`])//[^\n]*", text, re.S):
                    yield path, re.sub(r"\{[^{}]*\}", "", found)  # without the types of JSDoc


def documents() -> Iterator[tuple[Path, str]]:
    """Return the documents for users."""
    yield from ((path, path.read_text()) for path in prose_files() if path.suffix == ".md")


def messages() -> Iterator[tuple[Path, str]]:
    """Return the English texts of the pages and the help texts of problems."""
    names = {"en.js", "problems.toml"}
    for path in prose_files():
        if path.name in names or path.suffix == ".html":
            yield path, path.read_text()


# Documents and messages call people "who", which the limits of code exclude for components.
CORPORA = {
    "docstrings of the service and the client": Corpus(
        lambda: docstrings_below(ROOT / "service", ROOT / "clients"), {WHAT_IS: 0.3, WHO: 0.3, TELL: 0.2}
    ),
    "docstrings of tests and benchmarks": Corpus(
        lambda: docstrings_below(TESTS, ROOT / "benchmarks"), {WHAT_IS: 0.3, WHO: 0.3, TELL: 0.2}
    ),
    "comments": Corpus(comments, {WHAT_IS: 0.3, WHO: 0.3, TELL: 0.2}),
    "documents": Corpus(documents, {WHAT_IS: 0.3, WHO: 2.0, TELL: 0.2}),
    "messages": Corpus(messages, {WHAT_IS: 0.3, WHO: 1.0, TELL: 0.2}),
}


def test_no_banned_phrase_is_used() -> None:
    violations = [
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
        for path in prose_files()
        for text in (path.read_text(),)
        for match in BANNED.finditer(text)
    ]
    assert violations == [], report(violations)


@pytest.mark.parametrize("name", CORPORA)
def test_indirect_constructs_are_rare(name: str) -> None:
    corpus = CORPORA[name]
    texts = list(corpus.texts())
    words = sum(len(text.split()) for _, text in texts)
    for pattern, limit in corpus.limits.items():
        violations = [
            f"{name_of(path)}: {text[max(0, match.start() - 40) : match.end() + 40]!r}"
            for path, text in texts
            for match in re.finditer(pattern, text, re.IGNORECASE)
        ]
        rate = 1000 * len(violations) / words
        assert rate < limit, f"{pattern}: {rate:.2f} for each 1,000 words of {name}\n{report(violations)}"


def test_no_old_name_is_used() -> None:
    violations = [
        f"{name_of(path)}:{line}: {name}"
        for path in sources(ROOT)
        if not path.is_relative_to(TESTS / "architecture") and path not in EXEMPT_FILES
        for line, name in parts_of(path)[1]
        if name in OLD_NAMES
        or any(name == old or name.endswith(f".{old}") for old in OLD_MODULES)
        or not (name.startswith("test_") or PRIVATE_WORDS.isdisjoint(words_of(name)))
    ]
    assert violations == [], report(violations)


@cache
def words_of(name: str) -> frozenset[str]:
    """Return the words of an identifier in lower case."""
    return frozenset(word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name))


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [name for alias in node.names for name in (alias.name, alias.asname or "")]
