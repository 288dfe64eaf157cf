"""Charts and texts of totals in a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pollwire.terminal.charts import bars, describe_window, line, options_match, printable
from pollwire.terminal.forecast_bars import mean_text
from rich.console import Console

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
    """Return the output of a terminal with 80 columns."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(bars(*args, **more))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_bar_length_is_proportional_to_share() -> None:
    """Check that the bar of three quarters is three times as long as that of one quarter."""
    rice, yam = (text for text in drawn(POLL, RESULTS).splitlines() if "%" in text)
    assert "Jollof rice rice " in rice  # the label, and the option's id for votes
    assert "Yam yam" not in yam  # label and id are the same word here
    assert rice.rstrip().endswith("3 75.0 %")
    lengths = [text.count("━") + text.count("╸") / 2 for text in (rice, yam)]
    assert lengths[0] / lengths[1] == pytest.approx(3, rel=0.05)


def test_chart_uses_phase_and_end_of_results() -> None:
    """Check that phase and end are those of the results, which are newer than the poll."""
    text = drawn(POLL, RESULTS | {"phase": "closed"})
    assert "closed since 2026-11-25 12:00 UTC" in text
    assert "4 voters" in text


def test_hidden_totals_show_a_sentence_and_no_number() -> None:
    """Check that hidden results show options and a sentence but no number, as a chart or a line."""
    assert "hidden" in drawn(POLL, HIDDEN)
    assert "Jollof rice rice" in drawn(POLL, HIDDEN)  # the options themselves are not hidden
    assert line(POLL, HIDDEN) == "2026-11-24T12:00:00.123Z open totals hidden"


def test_chart_without_voters_has_no_percentage() -> None:
    """Check that without voters there is no percentage and no division by zero."""
    empty = RESULTS | {"voters": 0, "counts": {"rice": 0, "yam": 0}}
    assert line(POLL, empty).endswith("0 voters: rice 0 (-), yam 0 (-)")
    assert "0 voters" in drawn(POLL, empty)


def test_line_has_time_phase_voters_and_options() -> None:
    """Check that a line has the time, the phase, the voters and every option."""
    assert line(POLL, RESULTS) == "2026-11-24T12:00:00.123Z open 4 voters: rice 3 (75.0 %), yam 1 (25.0 %)"


RATED: dict[str, Any] = RESULTS | {"counts": {"1": 0, "2": 1, "3": 3}, "mean": 2.75}
RATING: dict[str, Any] = POLL | {"kind": "rating", "options": [], "scale": {"min": 1, "max": 3}}
TOWNS: dict[str, Any] = POLL | {
    "kind": "ranked",
    "options": [{"id": town, "label": town.title()} for town in ("accra", "kumasi", "tamale")],
}
FIRSTS: dict[str, Any] = RESULTS | {"voters": 7, "counts": {"accra": 3, "kumasi": 2, "tamale": 2}}


def test_rating_shows_its_mean() -> None:
    """Check that charts and lines show the mean next to the number of voters, and none without voters."""
    assert line(RATING, RATED).endswith("4 voters, mean 2.75: 1 0 (0.0 %), 2 1 (25.0 %), 3 3 (75.0 %)")
    assert "4 voters, mean 2.75" in drawn(RATING, RATED)
    assert "mean" not in drawn(RATING, RATED | {"voters": 0, "mean": None})


def test_ranked_poll_shows_its_rounds() -> None:
    """Check that each round shows the eliminated option and the transfers, and the last one the winner."""
    rounds = [
        {"counts": FIRSTS["counts"], "exhausted": 0, "eliminated": "tamale", "transfers": {"kumasi": 1}},
        {"counts": {"accra": 3, "kumasi": 3}, "exhausted": 1, "eliminated": "kumasi", "transfers": {}},
        {"counts": {"accra": 3}, "exhausted": 4},
    ]
    text = drawn(TOWNS, FIRSTS | {"rounds": rounds, "winner": "accra"})
    assert "7 voters, first preferences" in text
    assert "Round 1: Tamale goes out with 2: 1 to Kumasi, 1 exhausted." in text
    assert "Round 2: Kumasi goes out with 3: 3 exhausted." in text
    assert "Round 3: Accra wins with 3 of 3 votes (4 exhausted)." in text


@pytest.mark.parametrize(
    ("last", "results", "sentence"),
    [
        pytest.param(
            {"eliminated": "tamale", "transfers": {}, "tie_broken": True, "tie_rule": "lot"},
            {"winner": "kumasi"},
            "Tied: Kumasi and Tamale; the lot decided.",
            id="lot",
        ),
        pytest.param(
            {"eliminated": "tamale", "transfers": {}, "tie_broken": True, "tie_rule": "earlier_round"},
            {"winner": "kumasi"},
            "Tied: Kumasi and Tamale; an earlier round decided.",
            id="earlier-round",
        ),
        pytest.param(
            {},
            {"winner": None, "tie": ["kumasi", "tamale"]},
            "Kumasi and Tamale are tied with 2 votes each.",
            id="declared",
        ),
    ],
)
def test_tie_is_named_in_words(last: dict[str, Any], results: dict[str, Any], sentence: str) -> None:
    tied = {"counts": {"kumasi": 2, "tamale": 2}, "exhausted": 0, "tied": ["kumasi", "tamale"], **last}
    won = [{"counts": {"kumasi": 4}, "exhausted": 0}] if results["winner"] else []
    assert sentence in " ".join(drawn(TOWNS, FIRSTS | results | {"rounds": [tied, *won]}).split())


@pytest.mark.parametrize(
    ("poll", "results", "bold"),
    [
        pytest.param(POLL, RESULTS, ["Jollof rice"], id="most-votes"),
        pytest.param(TOWNS, FIRSTS | {"leading": ["kumasi"]}, ["Kumasi"], id="ranked"),
        pytest.param(TOWNS, FIRSTS, [], id="ranked-without-leader"),
        pytest.param(RATING, RATED, [], id="rating"),
    ],
)
def test_leading_bar_follows_the_rule_of_the_kind(
    poll: dict[str, Any], results: dict[str, Any], bold: list[str]
) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(bars(poll, results))
    assert isinstance(console.file, io.StringIO)
    rows = [row for row in console.file.getvalue().splitlines() if "%" in row and "\x1b[1;36m" in row]
    assert len(rows) == len(bold)
    assert all(label in row for label, row in zip(bold, rows, strict=True))


@pytest.mark.parametrize("rounds", [{}, {"rounds": [], "winner": None}])
def test_ranked_poll_without_rounds_shows_first_preferences(rounds: dict[str, Any]) -> None:
    """Streams have first preferences only, and a poll without votes has no rounds."""
    assert "Round" not in drawn(TOWNS, FIRSTS | rounds)


def test_results_with_unknown_option_are_detected() -> None:
    """Check that options or values that the poll document does not have are noticed."""
    assert options_match(POLL, RESULTS)
    assert not options_match(POLL, RESULTS | {"counts": {"rice": 1, "yam": 0, "fufu": 0}})
    assert options_match(RATING, RATED)
    assert not options_match(RATING, RATED | {"counts": {"4": 1}})


def test_note_is_the_last_line() -> None:
    """Check that a note, such as a lost connection, is the last line."""
    assert drawn(POLL, RESULTS, note="Trying again.").splitlines()[-1].strip() == "Trying again."


@pytest.mark.parametrize("trick", ["\x1b[2J", "\x9b2J", "a\rb", "\u202eb", "\ud83d"])
def test_control_characters_are_never_printed(trick: str) -> None:
    """Check that escapes, carriage returns, bidirectional controls and surrogates are never printed."""
    shown = drawn(POLL | {"question": trick, "options": [{"id": "rice", "label": trick}]}, RESULTS)
    assert not set(shown) & {"\x1b", "\x9b", "\r", "\u202e", "\ud83d"}
    assert printable("Häuser, 票, 👩‍🚀") == "Häuser, 票, 👩‍🚀"


@pytest.mark.parametrize(
    ("window", "text"),
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
def test_describe_window_returns_text_of_phase(window: dict[str, Any], text: str) -> None:
    assert describe_window(window) == text


FORECAST: dict[str, Any] = RESULTS | {
    "forecast": {"rice": 0.6, "yam": 0.4},
    "spread": {
        "rice": {"low": 0.5, "median": 0.55, "high": 0.9},
        "yam": {"low": 0.1, "median": 0.45, "high": 0.5},
    },
}


def test_forecast_bar_shows_mean_band_and_median() -> None:
    rice, yam = (text for text in drawn(POLL, FORECAST).splitlines() if "%" in text)
    assert rice.rstrip().endswith("50 to 90 % 60.0 %")
    assert yam.rstrip().endswith("10 to 50 % 40.0 %")
    bar = rice[rice.index("━") :].partition("50 to")[0]
    width = len(bar) - 1
    assert bar.index("┃") == int(0.55 * width)
    assert bar.rindex("━") == round(0.6 * width) - 1
    assert bar.rindex("─") == int(0.9 * width)


def test_mean_probabilities_add_up() -> None:
    thirds = {"forecast": {"rice": 0.333334, "yam": 0.333333, "fufu": 0.333333}}
    assert [mean_text(thirds, outcome) for outcome in thirds["forecast"]] == ["33.4 %", "33.3 %", "33.3 %"]


def test_line_of_a_forecast_has_means_and_quartiles() -> None:
    expected = "4 voters: rice 60.0 % (50 to 90 %), yam 40.0 % (10 to 50 %)"
    assert line(POLL, FORECAST).endswith(expected)
    assert "0 voters" in line(POLL, RESULTS | {"forecast": None, "voters": 0, "counts": {"rice": 0}})
