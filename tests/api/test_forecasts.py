"""Forecasts over HTTP: votes, results, distribution, timeline and export."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import LUNCH, Service

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
    header, *rows = export.text.splitlines()
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
