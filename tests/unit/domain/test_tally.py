"""Results, visible and hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import fmean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from pollwire_server.domain.poll import Kind, Poll, code_of_value
from pollwire_server.domain.tally import Results, Tally, hidden_results_of, is_newer, results_of
from pollwire_server.domain.window import Phase

from tests.factories import LONG_AGO, a_poll
from tests.unit.domain.strategies import polls

EPOCH = "01933c5f8a2b"


def a_tally(now: int = LONG_AGO, **counts: int) -> Tally:
    return Tally(epoch=EPOCH, seq=42, voters=sum(counts.values()), counts=counts, now=now)


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.SINGLE))
def test_single_choice_counts_sum_to_voters(data: st.DataObject, poll: Poll) -> None:
    codes = [option.code for option in poll.options]
    ballots = data.draw(st.lists(st.sampled_from(codes)))
    results = results_of(poll, a_tally(**{code: ballots.count(code) for code in set(ballots)}))
    assert results.counts is not UNSET
    assert results.voters == len(ballots)
    assert sum(results.counts.values()) == len(ballots)
    assert results.counts == {option.id: ballots.count(option.code) for option in poll.options}


@given(poll=polls())
def test_results_list_every_option_in_poll_order(poll: Poll) -> None:
    counts = results_of(poll, a_tally()).counts
    assert counts is not UNSET
    assert list(counts.items()) == [(name, 0) for name in poll.codes]


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.RATING))
def test_rating_mean_matches_counts(data: st.DataObject, poll: Poll) -> None:
    assert poll.scale is not None
    values = data.draw(st.lists(st.sampled_from(poll.scale.values)))
    tally = Tally(EPOCH, 1, len(values), Counter(map(code_of_value, values)), LONG_AGO)
    results = results_of(poll, tally)
    assert results.counts == {str(value): values.count(value) for value in poll.scale.values}
    if values:
        assert results.mean == pytest.approx(fmean(values), abs=0.00005001)
    else:
        assert msgspec.to_builtins(results)["mean"] is None


@given(poll=polls().filter(lambda poll: poll.kind is not Kind.RATING))
def test_mean_exists_only_for_ratings(poll: Poll) -> None:
    expected = msgspec.to_builtins(results_of(poll, a_tally()))
    assert not {"mean", "rounds", "winner"} & set(expected)
    assert "mean" not in msgspec.to_builtins(hidden_results_of(poll, a_tally()))


def test_results_have_documented_json_form() -> None:
    poll = a_poll(id="ghana-2024", opens_at=0, closes_at=LONG_AGO + 1000)
    assert msgspec.to_builtins(results_of(poll, a_tally(A=3, B=2))) == {
        "type": "results",
        "poll": "ghana-2024",
        "epoch": EPOCH,
        "seq": 42,
        "phase": "open",
        "final": False,
        "as_of": "2023-11-14T22:13:20.000Z",
        "closes_at": "2023-11-14T22:13:21.000Z",
        "voters": 5,
        "counts": {"npp": 3, "ndc": 2, "other": 0},
    }


def test_hidden_results_contain_no_totals() -> None:
    poll = a_poll(id="ghana-2024")
    hidden = msgspec.to_builtins(hidden_results_of(poll, a_tally(A=3, B=2)))
    assert hidden == {
        "type": "results",
        "poll": "ghana-2024",
        "epoch": EPOCH,
        "seq": 0,
        "phase": "open",
        "final": False,
        "as_of": "2023-11-14T22:13:20.000Z",
        "closes_at": None,
        "hidden": True,
    }
    assert hidden == msgspec.to_builtins(hidden_results_of(poll, a_tally()))


@pytest.mark.parametrize("make_results", [results_of, hidden_results_of])
@pytest.mark.parametrize(
    ("now", "phase", "final"),
    [(9, Phase.SCHEDULED, False), (10, Phase.OPEN, False), (19, Phase.OPEN, False), (20, Phase.CLOSED, True)],
)
def test_results_are_final_after_voting_ends(
    make_results: Callable[[Poll, Tally], Results], now: int, phase: Phase, final: bool
) -> None:
    results = make_results(a_poll(opens_at=10, closes_at=20), a_tally(now=now))
    assert (results.phase, results.final) == (phase, final)


@pytest.mark.parametrize(
    ("epoch", "seq", "replaces"),
    [
        ("01933c5f8a2b", 43, True),
        ("01933c5f8a2b", 42, True),
        ("01933c5f8a2b", 41, False),
        ("01933c5f8a2c", 0, True),
        ("01933c5f8a2a", 99, False),
    ],
)
def test_newer_or_equal_position_replaces(epoch: str, seq: int, replaces: bool) -> None:
    assert is_newer(epoch, seq, EPOCH, 42) is replaces
