"""The tree of errors, and its drawing in the docstring."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from pollwire_server.domain import errors
from pollwire_server.domain.errors import PollwireError

LEAVES = [
    error
    for error in vars(errors).values()
    if inspect.isclass(error) and issubclass(error, PollwireError) and not error.__subclasses__()
]
SAMPLES = {"limit_bytes": 16384, "allowed": ("GET", "POST"), "opens_at": 0, "revision": 2, "version": 3}
LINE = re.compile(r"^    (?P<indent>(?:│   |    |├── |└── )*)(?P<name>[A-Z]\w+)(?: {2,}(?P<note>.*))?$")


def drawn() -> dict[str, tuple[str, str]]:
    """Return each error of the drawing with the name of its parent and its note."""
    tree: dict[str, tuple[str, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := LINE.match(line):
            path[len(match["indent"]) // 4 :] = [match["name"]]
            tree[match["name"]] = (path[-2] if len(path) > 1 else "Exception", match["note"] or "")
    return tree


def made(error: type[PollwireError]) -> PollwireError:
    """Create the error with a value for each parameter."""
    parameters = inspect.signature(error).parameters
    facts: dict[str, Any] = {name: SAMPLES.get(name, "something") for name in parameters}
    return error(**facts)  # Any: each error has parameters of its own


def test_docstring_shows_the_error_tree() -> None:
    real = {
        name: error.__mro__[1].__name__
        for name, error in vars(errors).items()
        if inspect.isclass(error) and issubclass(error, PollwireError)
    }
    assert {name: parent for name, (parent, _) in drawn().items()} == real


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_error_attributes_match_docstring(error: type[PollwireError]) -> None:
    facts = {fact for fact in drawn()[error.__name__][1].split(", ") if fact}
    assert vars(made(error)).keys() - {"detail"} == facts


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_error_has_a_complete_detail(error: type[PollwireError]) -> None:
    raised = made(error)
    assert str(raised) == raised.detail
    assert raised.detail
    assert "None" not in raised.detail


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            errors.ResultsHidden("after_vote"),
            "visible after you vote, and to everyone after the poll closes.",
        ),
        (errors.ResultsHidden("operators"), "visible to operators only, until they publish them."),
        (errors.PhaseConflict("delete", "resolved"), "Unresolve it first."),
        (errors.PhaseConflict("cancel", "archived"), "Cannot cancel a poll that is archived."),
        (errors.VoterTokenInvalid("https://news.example"), "Request a new one from https://news.example."),
        (errors.VoterTokenInvalid(), "Request a new one with POST /v1/voters."),
    ],
)
def test_error_detail_ends_with_the_fix(error: errors.PollwireError, expected: str) -> None:
    assert str(error).endswith(expected)
