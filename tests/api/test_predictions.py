"""Predictions over HTTP: resolution, leaderboards and series."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import LUNCH, Service
from tests.wait import until

PREDICTION: dict[str, Any] = {
    "kind": "prediction",
    "series": "cup",
    "revote": "change",
    "options": [{"id": "home", "label": "Home"}, {"id": "away", "label": "Away"}],
}


async def predicted(service: Service, picks: dict[str, str], **changes: object) -> str:
    """Create a prediction, cast the picks of voters (by token), close it, and return its id."""
    poll: str = (await service.create_poll(**PREDICTION | changes))["id"]
    for token, pick in picks.items():
        assert (await service.vote(poll, pick, token)).status_code == 200
    await service.act(poll, "close")
    return poll


async def named(service: Service, name: str) -> str:
    """Register a voter with a name and return the token."""
    answer = await service.http.post("/v1/voters", json={"name": name})
    service.http.cookies.clear()
    token: str = answer.json()["token"]
    return token


async def resolve(service: Service, poll: str, outcome: str | None, **body: object) -> Any:
    """Resolve a poll and return the response with any status."""
    return await service.admin.post(f"/v1/admin/polls/{poll}/resolve", json={"outcome": outcome, **body})


async def mine(service: Service, token: str, address: str) -> Any:
    """Read a voter's own data at ``address``."""
    answer = await service.http.get(address, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_resolve_outcome_is_shown_to_operators_public_and_voters(service: Service) -> None:
    right, wrong = await service.voter(), await service.voter()
    poll = await predicted(service, {right: "home", wrong: "away"})
    evidence = {"note": "full time", "source": "https://example.com/report?match=1"}
    answer = await resolve(service, poll, "home", **evidence)
    assert answer.status_code == 200
    document = answer.json()
    resolution = document["resolution"]
    assert document["phase"] == "resolved"
    assert (resolution["outcome"], resolution["version"]) == ("home", document["version"])
    assert {name: resolution[name] for name in evidence} == evidence
    assert resolution["effective_at"] == document["closes_at"]
    for read in (
        service.http.get(f"/v1/polls/{poll}/results"),
        service.admin.get(f"/v1/admin/polls/{poll}/results"),
    ):
        results = (await read).json()
        assert (results["phase"], results["final"], results["resolution"]) == ("resolved", True, resolution)
    assert (await service.http.get(f"/v1/polls/{poll}")).json()["resolution"] == resolution
    address = f"/v1/polls/{poll}/votes/mine"
    own_votes = [await mine(service, token, address) for token in (right, wrong)]
    assert [(own["correct"], own["scored"]) for own in own_votes] == [(True, True), (False, True)]


async def test_resolve_keeps_hidden_totals_hidden(service: Service) -> None:
    poll = await predicted(service, {await service.voter(): "home"}, results="operators", series=None)
    await resolve(service, poll, "home")
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["hidden"] is True
    assert "counts" not in results
    assert results["resolution"]["outcome"] == "home"


async def test_own_vote_without_outcome_is_neither_correct_nor_scored(service: Service) -> None:
    token = await service.voter()
    poll = await predicted(service, {token: "home"})
    address = f"/v1/polls/{poll}/votes/mine"
    assert (await mine(service, token, address)).items() >= {"correct": None, "scored": False}.items()
    annulled = (await resolve(service, poll, None)).json()
    assert annulled["resolution"]["outcome"] is None
    assert (await mine(service, token, address)).items() >= {"correct": None, "scored": False}.items()


async def test_leaderboard_returns_ranked_rows_in_pages(own_service: Service) -> None:
    ama, kofi = await named(own_service, "Ama <3"), await own_service.voter()
    first = await predicted(own_service, {ama: "home", kofi: "away"})
    second = await predicted(own_service, {ama: "home"})
    await until(lambda: not own_service.store.series._name_tasks)
    for poll in (first, second):
        assert (await resolve(own_service, poll, "home")).status_code == 200
    answer = await own_service.http.get("/v1/series/cup/leaderboard")
    best, last = answer.json()["items"]
    nothing = {"brier": None, "baseline": None, "peer": None, "coverage": 0.0, "skill": None}
    assert best == {"rank": 1, "name": "Ama <3", "forecasts": 2, "accuracy": 1.0, **nothing}
    assert last == {"rank": 2, "name": None, "forecasts": 1, "accuracy": 0.0, **nothing}
    assert answer.headers["cache-control"] == "private, no-store"
    page = (await own_service.http.get("/v1/series/cup/leaderboard?limit=1")).json()
    assert page["items"] == [best]
    following = await own_service.http.get(f"/v1/series/cup/leaderboard?limit=1&cursor={page['next']}")
    assert following.json() == {"items": [last], "next": None, "about": answer.json()["about"]}
    own = await mine(own_service, ama, "/v1/series/cup/mine")
    assert own["row"] == best
    assert [(pick["poll"], pick["choice"], pick["outcome"], pick["correct"]) for pick in own["items"]] == [
        (second, "home", "home", True),
        (first, "home", "home", True),
    ]
    stranger = await mine(own_service, await own_service.voter(), "/v1/series/cup/mine")
    assert stranger == {"row": None, "items": [], "next": None, "calibration": []}


async def test_leaderboard_excludes_unresolved_polls(own_service: Service) -> None:
    poll = await predicted(own_service, {await own_service.voter(): "home"}, results="after_close")
    assert (await own_service.http.get("/v1/series/cup/leaderboard")).json()["items"] == []
    await resolve(own_service, poll, "home")
    assert len((await own_service.http.get("/v1/series/cup/leaderboard")).json()["items"]) == 1
    after = await own_service.act(poll, "unresolve")
    assert (after["phase"], after["resolution"]) == ("closed", None)
    assert (await own_service.http.get("/v1/series/cup/leaderboard")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "outcome"),
        ({"outcome": "unknown"}, "outcome"),
        ({"outcome": 3}, "outcome"),
        ({"outcome": "home", "effective_at": "2999-01-01T00:00:00Z"}, "effective_at"),
        ({"outcome": "home", "effective_at": "2024-01-01T00:00:00"}, "effective_at"),
        ({"outcome": "home", "note": "x" * 2001}, "note"),
        ({"outcome": "home", "source": "http://example.com"}, "source"),
        ({"outcome": "home", "source": "https://example.com/a b"}, "source"),
        ({"outcome": "home", "note": "\u3164"}, "note"),
        ({"outcome": "home", "note": "a\x1b[2J"}, "note"),
        ({"outcome": "home", "because": "so"}, "because"),
    ],
)
async def test_resolve_invalid_body_returns_the_field(
    service: Service, body: dict[str, object], field: str
) -> None:
    poll = await predicted(service, {})
    answer = await service.admin.post(f"/v1/admin/polls/{poll}/resolve", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await service.admin.get(f"/v1/admin/polls/{poll}")).json()["phase"] == "closed"


async def test_resolve_poll_not_closed_returns_409(service: Service) -> None:
    open_one = (await service.create_poll(**PREDICTION))["id"]
    other_kind = (await service.create_poll())["id"]
    settled = await predicted(service, {})
    assert (await resolve(service, settled, "home")).status_code == 200
    for poll, outcome, phase in (
        (open_one, "home", "open"),
        (other_kind, "rice", "open"),
        (settled, "away", "resolved"),
    ):
        answer = await resolve(service, poll, outcome)
        problem = answer.json()
        assert (answer.status_code, problem["type"], problem["phase"]) == (
            409,
            "/problems/phase-conflict",
            phase,
        )
    assert (await resolve(service, settled, "home")).status_code == 200
    reopened = await service.admin.post(f"/v1/admin/polls/{settled}/reopen", json={})
    deleted = await service.admin.request("DELETE", f"/v1/admin/polls/{settled}", json={"confirm": settled})
    assert (reopened.status_code, deleted.status_code) == (409, 409)
    assert (await service.admin.get(f"/v1/admin/polls/{settled}")).status_code == 200


async def test_resolve_concurrent_outcomes_one_wins(service: Service) -> None:
    poll = await predicted(service, {await service.voter(): "home"})
    answers = await asyncio.gather(resolve(service, poll, "home"), resolve(service, poll, "away"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (await service.admin.get(f"/v1/admin/polls/{poll}")).json()["resolution"] == won["resolution"]


async def test_resolve_slow_scoring_returns_202_with_progress(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [await service.voter() for _ in range(3)]
    poll = await predicted(service, dict.fromkeys(tokens, "home"))
    monkeypatch.setattr("pollwire_server.store.predictions.resolutions.MAX_REQUEST_WAIT_S", 0.0)
    seen = []

    async def is_done() -> bool:
        answer = await resolve(service, poll, "home")
        seen.append((answer.status_code, answer.json().get("total")))
        return bool(answer.status_code == 200)

    await until(is_done)
    assert seen[0] == (202, 6)
    assert (await service.admin.get(f"/v1/admin/polls/{poll}")).json()["phase"] == "resolved"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "single"}, "series"),
        ({"series": "Cup!"}, "series"),
        ({"identity": "open", "revote": "never"}, "identity"),
        ({"results": "operators"}, "results"),
        ({"kind": "single", "series": None, "forecast": True}, "forecast"),
        ({"resolve_by": "2020-01-01T00:00:00Z"}, "resolve_by"),
        ({"closes_at": "2999-01-01T00:00:00Z", "resolve_by": "2998-01-01T00:00:00Z"}, "resolve_by"),
    ],
)
async def test_create_invalid_prediction_returns_422(
    service: Service, changes: dict[str, object], field: str
) -> None:
    answer = await service.admin.post("/v1/admin/polls", json={**LUNCH, **PREDICTION, **changes})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_edit_cannot_change_the_series(own_service: Service) -> None:
    poll = await own_service.create_poll(**PREDICTION)
    for series in ("league", None):
        answer = await own_service.admin.patch(f"/v1/admin/polls/{poll['id']}", json={"series": series})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/edit-refused")
        assert answer.json()["field"] == "series"
    polls = (await own_service.admin.get("/v1/admin/polls?series=cup")).json()["items"]
    assert [entry["id"] for entry in polls] == [poll["id"]]
    assert (await own_service.admin.get("/v1/admin/polls?series=league")).json()["items"] == []
    assert (await own_service.admin.get("/v1/admin/polls?series=no%20one")).status_code == 422


async def test_recreated_poll_can_have_another_series(service: Service) -> None:
    poll = await service.create_poll(**PREDICTION)
    address, change = f"/v1/admin/polls/{poll['id']}", {"series": "league"}
    assert "create it again" in (await service.admin.patch(address, json=change)).json()["detail"]
    assert (await service.admin.request("DELETE", address, json={"confirm": poll["id"]})).status_code == 204
    await service.create_poll(**PREDICTION | change, id=poll["id"])
    assert (await service.vote(poll["id"], "home", await service.voter())).status_code == 200
    assert (await service.admin.get(address)).json()["series"] == "league"
    refused = (await service.admin.patch(address, json={"series": "cup"})).json()
    assert (refused["type"], refused["field"]) == ("/problems/edit-refused", "series")
    assert "create it again" not in refused["detail"]


async def test_resolve_by_is_shown_and_editable(service: Service) -> None:
    poll = await service.create_poll(**PREDICTION, resolve_by="2999-01-01T00:00:00Z")
    assert poll["resolve_by"] == "2999-01-01T00:00:00.000Z"
    answer = await service.admin.patch(f"/v1/admin/polls/{poll['id']}", json={"resolve_by": None})
    assert answer.json()["resolve_by"] is None


@pytest.mark.parametrize("address", ["leaderboard", "mine"])
async def test_series_two_errors_returns_the_first_in_order(own_service: Service, address: str) -> None:
    path = f"/v1/series/cup/{address}"
    for series in ("cup", "no-such", "NO", "%00"):
        answer = await own_service.http.request("POST", f"/v1/series/{series}/{address}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
        assert (await own_service.http.get(f"/v1/series/{series}/{address}")).status_code == 404
    await own_service.create_poll(**PREDICTION)
    refused = await own_service.http.post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    if address == "mine":
        assert (await own_service.http.get(path)).status_code == 401
    token = {"Authorization": f"Bearer {await own_service.voter()}"}
    twice = ("limit=1&limit=1", "cursor=0&cursor=0")
    for query in ("limit=0", "limit=101", "limit=x", "cursor=-1", "cursor=x", "cursor=1-", *twice):
        answer = await own_service.http.get(f"{path}?{query}", headers=token)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-choice")


async def test_leaderboard_is_readable_by_an_origin_of_a_named_poll(service: Service) -> None:
    site = "https://news.example"
    poll = await service.create_poll(**PREDICTION, origins=[site])
    for query, allowed in ((f"?poll={poll['id']}", site), ("", None)):
        answer = await service.http.get(f"/v1/series/cup/leaderboard{query}", headers={"Origin": site})
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_series_settings_are_returned_and_applied(own_service: Service) -> None:
    ama, kofi = await named(own_service, "Ama"), await own_service.voter()
    poll = await predicted(own_service, {ama: "home", kofi: "away"})
    await resolve(own_service, poll, "home")
    page = (await own_service.http.get("/v1/series/cup/leaderboard?limit=1")).json()
    edited = await own_service.admin.put(
        "/v1/admin/series/cup", json={"title": "World Cup", "rank_by": "brier", "minimum": 2}
    )
    expected = {
        "series": "cup",
        "title": "World Cup",
        "rank_by": "brier",
        "minimum": 2,
        "version": 2,
        "polls": {"open": 0, "closed": 0, "resolved": 1, "canceled": 0},
        "crowd": None,
    }
    assert (edited.status_code, edited.json()) == (200, expected)
    assert (await own_service.http.get("/v1/series/cup")).json() == expected
    board = (await own_service.http.get("/v1/series/cup/leaderboard")).json()
    assert board["about"] == expected
    assert [row["rank"] for row in board["items"]] == [None, None]
    stale = await own_service.http.get(f"/v1/series/cup/leaderboard?cursor={page['next']}")
    assert (stale.status_code, stale.json()["field"]) == (422, "cursor")
    assert stale.json()["detail"].startswith("The leaderboard has changed")
    reset = await own_service.admin.put("/v1/admin/series/cup", json={"title": None, "minimum": None})
    assert (reset.json()["title"], reset.json()["minimum"]) == (None, 10)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rank_by": "luck"}, "rank_by"),
        ({"rank_by": None}, "rank_by"),
        ({"minimum": 0}, "minimum"),
        ({"minimum": 1.5}, "minimum"),
        ({"title": ""}, "title"),
        ({"budget": 5}, "budget"),
    ],
    ids=["order", "no-order", "zero", "fraction", "empty-title", "unknown"],
)
async def test_invalid_series_settings_return_the_field(
    service: Service, body: dict[str, object], field: str
) -> None:
    answer = await service.admin.put("/v1/admin/series/other", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await service.http.get("/v1/series/other")).status_code == 404


async def test_series_settings_errors_come_in_order(service: Service) -> None:
    path = "/v1/admin/series/league"
    assert (await service.http.put(path, json={})).status_code == 401
    assert (await service.admin.put("/v1/admin/series/No", json={})).status_code == 404
    assert (await service.admin.put(path, content=b"{}")).status_code == 415
    for method in ("PROPFIND", "POST", "DELETE"):
        answer = await service.admin.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, PUT")
