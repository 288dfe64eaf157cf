"""Forecasts over HTTP: votes, results, distribution, timeline and export."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import LUNCH, Service
from tests.wait import until

FORECAST: dict[str, Any] = {
    "kind": "prediction",
    "forecast": True,
    "series": "cup",
    "revote": "withdraw",
    "options": [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}],
}


async def forecast_poll(service: Service, *forecasts: dict[str, float], **changes: object) -> str:
    """Create a forecast, cast the forecasts of as many voters, and return the poll's id."""
    poll: str = (await service.create_poll(**FORECAST | changes))["id"]
    for forecast in forecasts:
        assert (await service.vote(poll, forecast, await service.voter())).status_code == 200
    return poll


async def read(service: Service, poll: str, what: str) -> Any:
    """Read a public resource of the poll."""
    answer = await service.http.get(f"/v1/polls/{poll}/{what}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_vote_returns_normalized_forecast(service: Service) -> None:
    poll, token = await forecast_poll(service), await service.voter()
    answer = await service.vote(poll, {"npp": 0.5005, "ndc": 0.5004}, token)
    assert (answer.status_code, answer.json()["choice"]) == (200, {"npp": 0.50005, "ndc": 0.49995})
    again = await service.vote(poll, {"ndc": 0.5004, "npp": 0.5005}, token)
    assert again.json()["status"] == "unchanged"
    receipt = {"receipt": answer.json()["receipt"]}
    checked = (await service.http.post(f"/v1/polls/{poll}/receipts", json=receipt)).json()
    assert (checked["counted"], checked["choice"]) == (True, {"npp": 0.50005, "ndc": 0.49995})


async def test_results_contain_crowd_of_vector(service: Service) -> None:
    sent = [(0.6, 0.4), (0.7, 0.3), (0.2, 0.8), (0.95, 0.05)]
    poll = await forecast_poll(service, *({"npp": npp, "ndc": ndc} for npp, ndc in sent))
    results = await read(service, poll, "results")
    assert results["counts"] == {"npp": 3, "ndc": 1}
    assert results["forecast"] == {"npp": 0.6125, "ndc": 0.3875}
    assert results["spread"] == {
        "npp": {"low": 0.4, "median": 0.65, "high": 0.825},
        "ndc": {"low": 0.175, "median": 0.35, "high": 0.6},
    }
    assert results["mean_log"] == pytest.approx({"npp": -0.632058, "ndc": -1.334785}, abs=2e-6)
    found = await read(service, poll, "distribution")
    assert len(found["bins"]) == len(found["counts"]["npp"]) == 137
    placed = {
        value: number for value, number in zip(found["bins"], found["counts"]["npp"], strict=True) if number
    }
    assert placed == {0.2: 1, 0.6: 1, 0.7: 1, 0.95: 1}
    assert (await read(service, poll, "timeline"))["points"][-1]["forecast"] == results["forecast"]
    export = await service.admin.get(f"/v1/admin/polls/{poll}/export")
    header, *rows = export.text.removeprefix("\ufeff").splitlines()
    assert header == "voter,npp,ndc,at,revision"
    assert sorted(row.split(",")[1] for row in rows) == ["0.200000", "0.600000", "0.700000", "0.950000"]


async def test_results_without_forecasts_have_no_crowd(service: Service) -> None:
    results = await read(service, await forecast_poll(service), "results")
    assert (results["forecast"], results["spread"], results["mean_log"]) == (None, None, None)


async def test_hidden_results_contain_no_crowd(service: Service) -> None:
    poll = await forecast_poll(service, {"npp": 0.6, "ndc": 0.4}, results="after_close")
    results = await read(service, poll, "results")
    assert results["hidden"] is True
    assert not {"forecast", "spread", "mean_log", "counts"} & set(results)
    assert (await service.http.get(f"/v1/polls/{poll}/distribution")).status_code == 403


@pytest.mark.parametrize(
    ("choice", "detail"),
    [
        ("npp", "choice must give every outcome a probability: npp, ndc."),
        ({"npp": 1}, "choice misses ndc."),
        ({"npp": 0.5, "ndc": 0.5, "zz": 0}, "choice names zz, which is not an outcome of this poll."),
        ({"npp": 1.2, "ndc": 0}, "npp must be from 0 to 1, not 1.2."),
        ({"npp": -0.1, "ndc": 1}, "npp must be from 0 to 1, not -0.1."),
        ({"npp": "0.5", "ndc": 0.5}, "npp must be a number from 0 to 1."),
        ({"npp": True, "ndc": 0}, "npp must be a number from 0 to 1."),
        ({"npp": None, "ndc": 0}, "npp must be a number from 0 to 1."),
        ({"npp": 0.9, "ndc": 0.9}, "The probabilities must sum to 1; these sum to 1.8."),
        ({"npp": 0, "ndc": 0}, "The probabilities must sum to 1; these sum to 0."),
    ],
    ids=["text", "missing", "unknown", "above", "below", "string", "bool", "null", "sum", "zeros"],
)
async def test_invalid_forecast_returns_422(service: Service, choice: object, detail: str) -> None:
    poll = await forecast_poll(service)
    answer = await service.vote(poll, choice, await service.voter())
    body = answer.json()
    assert (answer.status_code, body["field"], body["detail"]) == (422, "choice", detail)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity"], ids=["nan", "infinity"])
async def test_forecast_with_number_that_json_lacks_returns_400(service: Service, number: bytes) -> None:
    poll, token = await forecast_poll(service), await service.voter()
    answer = await service.http.post(
        f"/v1/polls/{poll}/votes",
        content=b'{"choice": {"npp": %b, "ndc": 0}}' % number,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-body")


async def test_forecast_for_pick_returns_422(service: Service) -> None:
    poll = (await service.create_poll(**FORECAST | {"forecast": False}))["id"]
    answer = await service.vote(poll, {"npp": 0.5, "ndc": 0.5}, await service.voter())
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"forecast": False}, "forecast"),
        ({"ordered": True}, "ordered"),
        ({"options": [*FORECAST["options"], {"id": "cpp", "label": "CPP"}]}, "options"),
        ({"options": FORECAST["options"][::-1]}, "options"),
    ],
    ids=["forecast", "ordered", "added", "moved"],
)
async def test_edit_that_changes_meaning_of_forecasts_returns_409(
    service: Service, patch: dict[str, object], field: str
) -> None:
    poll = await forecast_poll(service, {"npp": 0.6, "ndc": 0.4})
    address = f"/v1/admin/polls/{poll}"
    etag = (await service.admin.get(address)).headers["etag"]
    answer = await service.admin.patch(address, json=patch, headers={"If-Match": etag})
    body = answer.json()
    assert (answer.status_code, body["type"], body["field"]) == (409, "/problems/edit-refused", field)


async def test_forecast_with_capacity_returns_422(service: Service) -> None:
    limited = [{"id": "npp", "label": "NPP", "capacity": 3}, {"id": "ndc", "label": "NDC"}]
    answer = await service.admin.post("/v1/admin/polls", json={**LUNCH, **FORECAST, "options": limited})
    assert (answer.status_code, answer.json()["field"]) == (422, "options[0].capacity")


async def own_vote(service: Service, poll: str, token: str) -> Any:
    """Read the voter's own vote."""
    answer = await service.http.get(
        f"/v1/polls/{poll}/votes/mine", headers={"Authorization": f"Bearer {token}"}
    )
    return answer.json()


async def test_resolution_and_correction_score_forecasts(own_service: Service) -> None:
    service = own_service
    sent, tokens = (0.9, 0.7, 0.4, 0.1), [await own_service.voter() for _ in range(4)]
    poll = await forecast_poll(service)
    for token, npp in zip(tokens, sent, strict=True):
        await service.vote(poll, {"npp": npp, "ndc": round(1 - npp, 6)}, token)
    assert (await own_vote(service, poll, tokens[0]))["score"] is None
    await service.act(poll, "close")
    address = f"/v1/admin/polls/{poll}/resolve"
    assert (await service.admin.post(address, json={"outcome": "npp"})).status_code == 200
    refused = await service.admin.post(address, json={"outcome": "ndc"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/phase-conflict")
    corrected = await service.admin.post(address, json={"outcome": "ndc", "correct": True})
    assert (corrected.status_code, corrected.json()["resolution"]["outcome"]) == (200, "ndc")
    # Metaculus' own test of its peer score, for the outcome ndc (tests/vectors/score_vectors.json).
    peers = [-169.586545, -23.104906, 69.314718, 123.376732]
    scores = [(await own_vote(service, poll, token))["score"] for token in tokens]
    assert [score["peer"] for score in scores] == pytest.approx(peers, abs=1e-6)
    assert [score["brier"] for score in scores] == pytest.approx([0.81, 0.49, 0.16, 0.01])
    assert scores[3]["baseline"] == pytest.approx(84.799691, abs=1e-6)
    assert [score["better_than"] for score in scores] == [0.125, 0.375, 0.625, 0.875]
    board = (await service.http.get("/v1/series/cup/leaderboard")).json()
    assert [row["peer"] for row in board["items"]] == pytest.approx(peers[::-1], abs=1e-6)
    assert [row["rank"] for row in board["items"]] == [1, 2, 3, 4]
    assert (board["about"]["rank_by"], board["about"]["version"]) == ("peer", 2)
    assert board["about"]["crowd"]["brier"] == scores[0]["crowd"]["brier"] == 0.275625
    results = await read(service, poll, "results")
    assert results["resolution"]["forecasters"] == 4
    assert results["resolution"]["crowd"] == scores[0]["crowd"]


async def test_hidden_totals_omit_scores_that_depend_on_others(service: Service) -> None:
    poll, token = await forecast_poll(service, series=None, results="operators"), await service.voter()
    await service.vote(poll, {"npp": 0.9, "ndc": 0.1}, token)
    await service.act(poll, "close")
    await service.act(poll, "resolve", outcome="npp")
    score = (await own_vote(service, poll, token))["score"]
    assert set(score) == {"coverage", "brier", "baseline"}


async def test_correction_without_resolution_returns_409(service: Service) -> None:
    poll = await forecast_poll(service, {"npp": 0.6, "ndc": 0.4})
    await service.act(poll, "close")
    answer = await service.admin.post(
        f"/v1/admin/polls/{poll}/resolve", json={"outcome": "npp", "correct": True}
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/phase-conflict")


async def test_change_after_effective_at_keeps_score_of_earlier_forecast(service: Service) -> None:
    poll, token = await forecast_poll(service, series=None), await service.voter()
    first = (await service.vote(poll, {"npp": 0.1, "ndc": 0.9}, token)).json()
    next_millisecond = datetime.fromisoformat(first["at"]) + timedelta(milliseconds=1)
    await until(lambda: datetime.now(UTC) > next_millisecond)
    await service.vote(poll, {"npp": 0.9, "ndc": 0.1}, token)
    own = await own_vote(service, poll, token)
    assert own["history"] == [{"at": first["at"], "choice": {"npp": 0.1, "ndc": 0.9}}]
    await service.act(poll, "close")
    resolution = {"outcome": "npp", "effective_at": first["at"]}
    assert (await service.admin.post(f"/v1/admin/polls/{poll}/resolve", json=resolution)).status_code == 200
    own = await own_vote(service, poll, token)
    assert (own["correct"], own["scored"], own["score"]["brier"]) == (False, True, 0.81)
    assert own["score"]["better_than"] is None


async def test_calibration_has_one_point_for_each_forecast_open_until_its_end(own_service: Service) -> None:
    service, token = own_service, await own_service.voter()
    assert (await service.http.get("/v1/series/cup/calibration")).status_code == 404
    later = "2999-01-01T00:00:00Z"
    for npp, changes in ((0.9, {}), (0.92, {}), (0.6, {}), (0.99, {"closes_at": later})):
        poll = await forecast_poll(service, {"npp": 0.5, "ndc": 0.5}, **changes)
        assert (await service.vote(poll, {"npp": npp, "ndc": round(1 - npp, 2)}, token)).status_code == 200
        await service.act(poll, "close")
        await service.act(poll, "resolve", outcome="ndc" if npp == 0.92 else "npp")
    headers = {"Authorization": f"Bearer {token}"}
    own = (await service.http.get("/v1/series/cup/mine", headers=headers)).json()["calibration"]
    assert [(each["from"], each["to"], each["n"], each["rate"]) for each in own] == [
        (0.6, 0.7, 1, 1.0),
        (0.9, 0.95, 2, 0.5),
    ]
    assert own[1]["mean"] == 0.91
    crowd = (await service.http.get("/v1/series/cup/calibration")).json()["crowd"]
    assert [(each["from"], each["n"], each["rate"]) for each in crowd] == [(0.5, 1, 1.0), (0.7, 2, 0.5)]
    await service.act(poll, "unresolve")
    assert (await service.http.get("/v1/series/cup/calibration")).json()["crowd"] == crowd
    second = (await service.http.get("/v1/series/cup/mine?cursor=1", headers=headers)).json()
    assert second["calibration"] == []
