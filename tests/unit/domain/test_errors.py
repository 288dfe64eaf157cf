"""The tree of errors, and the drawing of it."""

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
    """Each error of the drawing with its parent's name and what stands beside it."""
    tree: dict[str, tuple[str, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := LINE.match(line):
            path[len(match["indent"]) // 4 :] = [match["name"]]
            tree[match["name"]] = (path[-2] if len(path) > 1 else "Exception", match["note"] or "")
    return tree


def made(error: type[PollwireError]) -> PollwireError:
    """The error with something in each of its parameters."""
    parameters = inspect.signature(error).parameters
    facts: dict[str, Any] = {name: SAMPLES.get(name, "something") for name in parameters}
    return error(**facts)  # Any: each error has parameters of its own


def test_the_drawing_is_the_tree() -> None:
    """The docstring shows every error under its real parent, and no other."""
    real = {
        name: error.__mro__[1].__name__
        for name, error in vars(errors).items()
        if inspect.isclass(error) and issubclass(error, PollwireError)
    }
    assert {name: parent for name, (parent, _) in drawn().items()} == real


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_each_error_carries_the_facts_drawn_beside_it(error: type[PollwireError]) -> None:
    """What the drawing says an error knows is what it knows, beside its sentence."""
    facts = {fact for fact in drawn()[error.__name__][1].split(", ") if fact}
    assert vars(made(error)).keys() - {"detail"} == facts


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_each_error_says_what_is_wrong(error: type[PollwireError]) -> None:
    """``detail`` is for people, the same as the exception's text, and complete."""
    refusal = made(error)
    assert str(refusal) == refusal.detail
    assert refusal.detail
    assert "None" not in refusal.detail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.ResultsHidden("after_vote"), "visible after you vote, and to everyone after the poll closes."),
        (errors.ResultsHidden("operators"), "visible to operators only, until they publish them."),
        (errors.PhaseConflict("delete", "resolved"), "Unresolve it first."),
        (errors.PhaseConflict("cancel", "archived"), "Cannot cancel a poll that is archived."),
        (errors.VoterTokenInvalid("https://news.example"), "Request a new one from https://news.example."),
        (errors.VoterTokenInvalid(), "Request a new one with POST /v1/voters."),
    ],
)
def test_a_refusal_says_what_to_do(error: errors.PollwireError, told: str) -> None:
    """The sentence for people ends with when totals are shown, what goes first, or who gives tokens."""
    assert str(error).endswith(told)
