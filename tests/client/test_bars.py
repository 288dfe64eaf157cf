"""Totals as people at a terminal see them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from service.client.bars import bars, line, printable, window_told

POLL: dict[str, Any] = {
    "id": "lunch",
    "question": "Rice or yam?",
    "phase": "open",
    "options": [{"id": "rice", "label": "Jollof rice"}, {"id": "yam", "label": "Yam"}],
}
RESULTS: dict[str, Any] = {
    "phase": "open",
    "as_of": "2026-11-24T12:00:00.123Z",
    "closes_at": "2026-11-25T12:00:00.000Z",
    "voters": 4,
    "counts": {"rice": 3, "yam": 1},
}
HIDDEN: dict[str, Any] = {"phase": "open", "as_of": RESULTS["as_of"], "closes_at": None, "hidden": True}


def drawn(*args: Any, **more: Any) -> str:
    """What the terminal shows, 80 columns wide."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(bars(*args, **more))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_bars_grow_with_their_share() -> None:
    """Three quarters of the voters are a bar three times as long as a quarter's."""
    rice, yam = (text for text in drawn(POLL, RESULTS).splitlines() if "%" in text)
    assert "Jollof rice rice " in rice  # the label, and the id that a vote names
    assert "Yam yam" not in yam  # which is the same word here
    assert rice.rstrip().endswith("3 75.0 %")
    lengths = [text.count("━") + text.count("╸") / 2 for text in (rice, yam)]
    assert lengths[0] / lengths[1] == pytest.approx(3, rel=0.05)


def test_the_state_of_the_results_is_told() -> None:
    """The phase and the end of the window are those of the results, which are newer than the poll."""
    text = drawn(POLL, RESULTS | {"phase": "closed"})
    assert "closed since 2026-11-25 12:00 UTC" in text
    assert "4 voters" in text


def test_hidden_totals_are_said_to_be_hidden() -> None:
    """Where the totals are hidden there are the options and a sentence, and no number, drawn or in a line."""
    assert "hidden" in drawn(POLL, HIDDEN)
    assert "Jollof rice rice" in drawn(POLL, HIDDEN)  # what can be voted for is no secret
    assert line(POLL, HIDDEN) == "2026-11-24T12:00:00.123Z open totals hidden"


def test_nobody_has_voted_yet() -> None:
    """Without voters there is no share to tell, and nothing divides by zero."""
    empty = RESULTS | {"voters": 0, "counts": {"rice": 0, "yam": 0}}
    assert line(POLL, empty).endswith("0 voters: rice 0 (-), yam 0 (-)")
    assert "0 voters" in drawn(POLL, empty)


def test_a_line_has_everything() -> None:
    """One line tells when, the phase, the voters and every option."""
    assert line(POLL, RESULTS) == "2026-11-24T12:00:00.123Z open 4 voters: rice 3 (75.0 %), yam 1 (25.0 %)"


def test_a_note_stands_below() -> None:
    """A note, such as a lost connection, is the last line."""
    assert drawn(POLL, RESULTS, note="Trying again.").splitlines()[-1].strip() == "Trying again."


@pytest.mark.parametrize("trick", ["\x1b[2J", "\x9b2J", "a\rb", "\u202eb", "\ud83d"])
def test_texts_of_others_cannot_drive_the_terminal(trick: str) -> None:
    """Escapes, carriage returns, changes of direction and broken characters never reach the terminal."""
    shown = drawn(POLL | {"question": trick, "options": [{"id": "rice", "label": trick}]}, RESULTS)
    assert not set(shown) & {"\x1b", "\x9b", "\r", "\u202e", "\ud83d"}
    assert printable("Häuser, 票, 👩‍🚀") == "Häuser, 票, 👩‍🚀"


@pytest.mark.parametrize(
    ("window", "told"),
    [
        (
            {"phase": "scheduled", "opens_at": "2026-11-25T12:00:00.000Z", "closes_at": None},
            "scheduled, 2026-11-25 12:00 UTC",
        ),
        (
            {"phase": "open", "opens_at": "", "closes_at": "2026-11-25T12:00:00.000Z"},
            "open until 2026-11-25 12:00 UTC",
        ),
        ({"phase": "open", "closes_at": None}, "open until it is closed by hand"),
        ({"phase": "archived", "closes_at": None}, "archived"),
    ],
)
def test_a_window_is_told_by_phase(window: dict[str, Any], told: str) -> None:
    """What is said of the window fits the phase, also one that this client does not know."""
    assert window_told(window) == told
