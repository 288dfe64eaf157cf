"""Verdicts and ranking values of predictions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.poll import Kind, Resolution
from pollwire_server.domain.scoring import Score, VoteVerdict, vote_verdict

from tests.factories import LONG_AGO, a_poll

records = st.integers(1, 500).flatmap(lambda total: st.builds(Score, st.integers(0, total), st.just(total)))


@pytest.mark.parametrize(
    ("code", "at", "expected"),
    [
        ("A", LONG_AGO, VoteVerdict(True, True)),
        ("B", LONG_AGO, VoteVerdict(False, True)),
        ("A", LONG_AGO + 1, VoteVerdict(None, False)),
        ("B", LONG_AGO + 1, VoteVerdict(None, False)),
    ],
)
def test_choice_is_scored_until_effective_at_inclusive(code: str, at: int, expected: VoteVerdict) -> None:
    resolution = Resolution(code="A", at=LONG_AGO + 9, effective_at=LONG_AGO, by="ama", version=3)
    assert vote_verdict(a_poll(kind=Kind.PREDICTION, resolution=resolution), code, at) == expected


@pytest.mark.parametrize(
    "resolution", [None, Resolution(code=None, at=LONG_AGO, effective_at=LONG_AGO, by="ama", version=3)]
)
def test_unresolved_or_void_prediction_scores_no_choice(resolution: Resolution | None) -> None:
    assert vote_verdict(a_poll(kind=Kind.PREDICTION, resolution=resolution), "A", LONG_AGO) == VoteVerdict(
        None, False
    )


@pytest.mark.parametrize(
    ("better", "worse"),
    [((49, 50), (10, 10)), ((10, 10), (1, 1)), ((2, 2), (1, 1)), ((30, 60), (1, 3)), ((1, 2), (0, 1))],
)
def test_ranking_prefers_more_evidence(better: tuple[int, int], worse: tuple[int, int]) -> None:
    assert Score(*better).ranking_value > Score(*worse).ranking_value


@given(score=records)
def test_ranking_value_is_at_most_the_accuracy(score: Score) -> None:
    accuracy = score.accuracy
    assert accuracy is not None
    assert 0 <= score.ranking_value <= accuracy
    assert (score.ranking_value == 0) == (score.right == 0)


@given(score=records)
def test_correct_forecast_raises_ranking_value(score: Score) -> None:
    right, wrong = (
        Score(score.right + 1, score.forecasts + 1).ranking_value,
        Score(score.right, score.forecasts + 1).ranking_value,
    )
    assert right > score.ranking_value >= wrong


def test_accuracy_without_forecasts_is_none() -> None:
    assert Score(0, 0).accuracy is None
