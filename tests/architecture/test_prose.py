"""Rules for prose: standard terms and plain English, in code, documentation and user interface.

The project once had a private vocabulary of metaphors and indirect sentences. These tests keep it out. A rule
that needs judgement has a limit for each 1,000 words instead of a ban.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, TESTS, name_of, project_files, report, sources, syntax_tree

BANNED = re.compile(
    r"\b(?:anew|whence|heed(?:s|ed)?|mend(?:s|ed|ing)?|so-many-th|for ever|told|at odds"
    r"|nobody(?:'s)?|whoever|whose rule|stands? on|lets? go of)\b"
    r'|^[ \t]*"""(?:What|Whose|Whether|Who|That)\b',
    re.IGNORECASE | re.MULTILINE,
)
CHECKED_SUFFIXES = {".py", ".lua", ".js", ".md"}
# These files quote the old vocabulary: the history, the list of terms, the rules, and old names in the store.
EXEMPT_FILES = {
    *(ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "glossary.md"),
    *(ROOT / "service" / "pollwire_server" / "store" / "migration.py", TESTS / "store" / "test_migration.py"),
}
EXEMPT_FOLDERS = (ROOT / "docs" / "adr", TESTS / "architecture", ROOT / "benchmarks" / "results")

MAX_PER_1000_WORDS = {
    "what is/was": (r"\bwhat (?:is|was)\b", 0.3),
    "who/whoever/nobody": (r"\b(?:who|whoever|nobody|somebody)\b", 0.3),
    "tell/told": (r"\b(?:tells?|told)\b", 0.2),
}

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


def prose_files() -> Iterator[Path]:
    """Return the files that the ban applies to."""
    for path in project_files():
        if path.suffix not in CHECKED_SUFFIXES or path in EXEMPT_FILES:
            continue
        if not any(path.is_relative_to(folder) for folder in EXEMPT_FOLDERS):
            yield path


def docstrings(path: Path) -> Iterator[str]:
    """Return all docstrings of a Python file, including those below attributes and constants."""
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str):
                yield value


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Return the names and the imported modules of a Python file, with their lines."""
    for node in ast.walk(syntax_tree(path)):
        match node:
            case ast.Name():
                yield node.lineno, node.id
            case ast.Attribute():
                yield node.lineno, node.attr
            case ast.ClassDef():
                yield node.lineno, node.name
            case ast.ImportFrom():
                yield from ((node.lineno, name) for name in (node.module or "", *_imported(node)))
            case ast.Import():
                yield from ((node.lineno, name) for name in _imported(node))


def test_no_banned_phrase_is_used() -> None:
    violations = [
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
        for path in prose_files()
        for text in (path.read_text(),)
        for match in BANNED.finditer(text)
    ]
    assert violations == [], report(violations)


@pytest.mark.parametrize("construct", MAX_PER_1000_WORDS)
def test_docstrings_rarely_use_indirect_constructs(construct: str) -> None:
    pattern, limit = MAX_PER_1000_WORDS[construct]
    words, violations = 0, []
    for path in sources(ROOT / "service", ROOT / "clients"):
        for text in docstrings(path):
            words += len(text.split())
            violations += [f"{name_of(path)}: {text.strip()[:90]!r}"] * len(re.findall(pattern, text, re.I))
    rate = 1000 * len(violations) / words
    assert rate < limit, f"{construct}: {rate:.2f} for each 1,000 words\n{report(violations)}"


def test_no_old_name_is_used() -> None:
    violations = [
        f"{name_of(path)}:{line}: {name}"
        for path in sources(ROOT)
        if not path.is_relative_to(TESTS / "architecture")
        for line, name in names_in(path)
        if name in OLD_NAMES or any(name == old or name.endswith(f".{old}") for old in OLD_MODULES)
    ]
    assert violations == [], report(violations)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [name for alias in node.names for name in (alias.name, alias.asname or "")]
