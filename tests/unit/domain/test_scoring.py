"""Who was right, and how voters compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.poll import Kind, Resolution
from pollwire_server.domain.scoring import Score, Verdict, verdict_of

from tests.factories import LONG_AGO, a_poll

records = st.integers(1, 500).flatmap(lambda total: st.builds(Score, st.integers(0, total), st.just(total)))


@pytest.mark.parametrize(
    ("code", "at", "verdict"),
    [
        ("A", LONG_AGO, Verdict(True, True)),
        ("B", LONG_AGO, Verdict(False, True)),
        ("A", LONG_AGO + 1, Verdict(None, False)),
        ("B", LONG_AGO + 1, Verdict(None, False)),
    ],
)
def test_a_choice_in_time_is_right_or_wrong(code: str, at: int, verdict: Verdict) -> None:
    """The very instant of effect is in time; a millisecond later is not."""
    held = Resolution(code="A", at=LONG_AGO + 9, effective_at=LONG_AGO, by="ama", version=3)
    assert verdict_of(a_poll(kind=Kind.PREDICTION, resolution=held), code, at) == verdict


@pytest.mark.parametrize(
    "held", [None, Resolution(code=None, at=LONG_AGO, effective_at=LONG_AGO, by="ama", version=3)]
)
def test_nobody_is_right_without_an_outcome(held: Resolution | None) -> None:
    """Unresolved and annulled predictions say of nobody that they were right or wrong."""
    assert verdict_of(a_poll(kind=Kind.PREDICTION, resolution=held), "A", LONG_AGO) == Verdict(None, False)


@pytest.mark.parametrize(
    ("better", "worse"),
    [((49, 50), (10, 10)), ((10, 10), (1, 1)), ((2, 2), (1, 1)), ((30, 60), (1, 3)), ((1, 2), (0, 1))],
)
def test_a_rate_counts_for_what_there_is_to_show(better: tuple[int, int], worse: tuple[int, int]) -> None:
    """Many right of many come before a lucky guess."""
    assert Score(*better).ranking_value > Score(*worse).ranking_value


@given(score=records)
def test_a_standing_is_a_cautious_rate(score: Score) -> None:
    """The bound lies between nothing and the rate itself, and is nothing for who was never right."""
    accuracy = score.accuracy
    assert accuracy is not None
    assert 0 <= score.ranking_value <= accuracy
    assert (score.ranking_value == 0) == (score.right == 0)


@given(score=records)
def test_being_right_once_more_never_harms(score: Score) -> None:
    """One more pick moves a voter up if it was right, and never up if it was wrong."""
    right, wrong = (
        Score(score.right + 1, score.forecasts + 1).ranking_value,
        Score(score.right, score.forecasts + 1).ranking_value,
    )
    assert right > score.ranking_value >= wrong


def test_nothing_to_show() -> None:
    """Without a forecast there is no accuracy."""
    assert Score(0, 0).accuracy is None
