"""Texts that no file may contain: paths of a machine, package registries, unfinished work, private keys."""

from __future__ import annotations

import re

from tests.architecture.tree import name_of, report, texts

# Written in pieces, so that this file does not match itself.
MACHINE = re.compile("|".join(["/ro" + "ot/", "/ho" + r"me/\w", "/Us" + r"ers/\w", "/wo" + "rk/"]))
# An option of uv with the prefix no-emit keeps addresses of registries out of the lock files.
REGISTRY = re.compile(
    "|".join([r"(?<!no-emit-)index" + "-url", "pypi" + r"\.org/simple", "files.python" + "hosted"])
)
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
SECRET = re.compile("-----BEGIN [A-Z ]*PRIVATE " + "KEY-----")


def matches_of(pattern: re.Pattern[str]) -> list[str]:
    """Return the first match of the pattern in each file."""
    found = [(path, pattern.search(text)) for path, text in texts()]
    return [f"{name_of(path)}: {match[0]}" for path, match in found if match]


def test_no_file_names_a_path_of_a_machine() -> None:
    violations = matches_of(MACHINE)
    assert violations == [], report(violations)


def test_no_file_names_a_package_registry() -> None:
    """Packages come from the configured index, and hashes identify them."""
    violations = matches_of(REGISTRY)
    assert violations == [], report(violations)


def test_no_file_marks_unfinished_work() -> None:
    violations = matches_of(UNFINISHED)
    assert violations == [], report(violations)


def test_no_file_contains_a_private_key() -> None:
    violations = matches_of(SECRET)
    assert violations == [], report(violations)
