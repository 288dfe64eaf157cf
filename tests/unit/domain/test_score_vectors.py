"""The shared score vectors, computed independently of this code (``tests/vectors/score_vectors.json``)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain import calibration, crowd, forecast, forecast_scoring
from pollwire_server.domain.forecast import FLOOR, MICRO

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "score_vectors.json").read_text(encoding="utf-8")
)


def cases(group: str) -> pytest.MarkDecorator:
    """Return a parametrization over the cases of one group."""
    found = VECTORS[group]
    return pytest.mark.parametrize(
        "case", found, ids=[str(case.get("name", place)) for place, case in enumerate(found)]
    )


def near(value: object) -> Any:
    """Return a comparison to 1e-9."""
    return pytest.approx(value, abs=1e-9, rel=0)


@cases("baseline")
def test_baseline_matches_vector(case: dict[str, Any]) -> None:
    assert forecast.apply_floor(case["forecast"]) == near(case["floored"])
    log_value = forecast_scoring.log_probability(case["forecast"], case["outcome"])
    assert forecast_scoring.baseline(log_value, len(case["forecast"])) == near(case["expected"])


@cases("peer")
def test_peer_matches_vector(case: dict[str, Any]) -> None:
    logs = [forecast_scoring.log_probability(each, case["outcome"]) for each in case["forecasts"]]
    mean = sum(logs) / len(logs)
    assert [forecast_scoring.peer(each, mean, len(logs)) for each in logs] == near(case["expected"])


@cases("brier")
def test_brier_matches_vector(case: dict[str, Any]) -> None:
    assert forecast_scoring.brier(case["forecast"], case["outcome"]) == near(case["expected"])


@cases("ranked")
def test_ranked_matches_vector(case: dict[str, Any]) -> None:
    assert forecast_scoring.ranked(case["forecast"], case["outcome"]) == near(case["expected"])


@cases("marks")
def test_histogram_bin_matches_vector(case: dict[str, Any]) -> None:
    assert forecast.bin_of(case["micro"]) == case["mark"]
    assert forecast.value_of_bin(case["mark"]) == case["value"]


@cases("kept")
def test_normalized_forecast_matches_vector(case: dict[str, Any]) -> None:
    assert list(forecast.normalize(case["sent"])) == case["kept_micro"]


def totals_of(forecasts: list[list[float]]) -> Counter[str]:
    """Return the totals that the store has after these forecasts."""
    totals: Counter[str] = Counter()
    for sent in forecasts:
        totals.update(forecast.totals_of("ABCDE", forecast.normalize(sent)))
    return totals


@cases("crowd")
def test_crowd_matches_vector(case: dict[str, Any]) -> None:
    letters = "ABCDE"[: len(case["forecast_micro"])]
    found = crowd.crowd_of(letters, totals_of(case["forecasts"]), len(case["forecasts"]))
    assert found.mean is not None
    assert found.quartiles is not None
    assert found.mean_log is not None
    assert list(found.mean.values()) == case["forecast_micro"]
    assert [found.mean_log[letter] for letter in letters] == pytest.approx(case["mean_log"], abs=5e-7)
    assert [found.quartiles[letter].low for letter in letters] == near(case["low"])
    assert [found.quartiles[letter].median for letter in letters] == near(case["median"])
    assert [found.quartiles[letter].high for letter in letters] == near(case["high"])
    mean, outcome = case["forecast_micro"], case["outcome"]
    log_value = forecast_scoring.log_probability(mean, outcome)
    logs = [forecast_scoring.log_probability(each, outcome) for each in case["forecasts"]]
    assert forecast_scoring.baseline(log_value, len(mean)) == near(case["crowd_baseline"])
    assert forecast_scoring.crowd_peer(log_value, sum(logs) / len(logs)) == near(case["crowd_peer"])
    assert forecast_scoring.brier_micro(tuple(mean), outcome) / MICRO == pytest.approx(
        case["crowd_brier"], abs=5e-7
    )


@st.composite
def beliefs(draw: st.DrawFn) -> tuple[int, ...]:
    """Forecasts of 2 to 50 outcomes, many of them with probabilities below the floor."""
    size = draw(st.integers(2, 50))
    weights = draw(st.lists(st.sampled_from([0.0, 1e-6, 1e-4, 0.01, 0.5, 1.0]), min_size=size, max_size=size))
    return forecast.normalize([*weights[:-1], weights[-1] + 0.001])


@given(beliefs(), st.randoms(use_true_random=False))
def test_log_score_honest_forecast_has_best_expectation(belief: tuple[int, ...], random: Any) -> None:
    lie = forecast.normalize([random.random() ** 4 + 1e-6 for _ in belief])
    honest, lying = (
        sum(
            weight * forecast_scoring.log_probability(stated, place)
            for place, weight in enumerate(belief)
            if weight
        )
        for stated in (belief, lie)
    )
    assert honest >= lying - 1e-6


@given(beliefs())
def test_forecast_code_round_trip_keeps_forecast(values: tuple[int, ...]) -> None:
    assert forecast.decode_forecast(forecast.encode_forecast(values)) == values
    floored = forecast.apply_floor(values)
    assert sum(floored) == near(1)
    assert min(floored) >= FLOOR


def test_calibration_matches_vector() -> None:
    vector = VECTORS["calibration"]
    assert list(calibration.EDGES) == vector["edges_micro"]
    points = [
        calibration.point_of([round(value * MICRO) for value in case["forecast"]], case["outcome"])
        for case in vector["forecasts"]
    ]
    ends = [*vector["edges_micro"], MICRO]
    found = [
        (each.lower, each.upper, each.n, each.mean, each.rate, each.low, each.high)
        for each in calibration.calibration_of(points)
    ]
    for bin_found, expected in zip(found, vector["bins"], strict=True):
        place = expected["bin"]
        numbers = [expected[name] for name in ("n", "mean", "rate", "low", "high")]
        assert bin_found == pytest.approx((ends[place] / MICRO, ends[place + 1] / MICRO, *numbers), abs=1e-6)
