"""What no file says: where it was written, whence it is installed, and that it is not finished."""

from __future__ import annotations

import re

from tests.architecture.tree import name_of, texts

# Written in pieces, so that this file may be searched like any other.
MACHINE = re.compile("|".join(["/ro" + "ot/", "/ho" + r"me/\w", "/Us" + r"ers/\w", "/wo" + "rk/"]))
REGISTRY = re.compile("|".join(["index" + "-url", "pypi" + r"\.org/simple", "files.python" + "hosted"]))
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
SECRET = re.compile("-----BEGIN [A-Z ]*PRIVATE " + "KEY-----")


def saying(pattern: re.Pattern[str]) -> list[str]:
    """Where the files of the project say so."""
    found = [(path, pattern.search(text)) for path, text in texts()]
    return [f"{name_of(path)}: {match[0]}" for path, match in found if match]


def test_no_file_names_a_machine() -> None:
    """A clone works wherever it lies, so no path leads into anybody's folders."""
    assert saying(MACHINE) == []


def test_no_file_names_a_registry() -> None:
    """Packages come from where pip is told to look, and are known by their hashes."""
    assert saying(REGISTRY) == []


def test_no_file_is_left_for_later() -> None:
    """What is not done is not marked in the code; it is not there."""
    assert saying(UNFINISHED) == []


def test_no_file_holds_a_private_key() -> None:
    """Secrets are made where they are used."""
    assert saying(SECRET) == []
