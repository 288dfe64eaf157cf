"""API keys that are bound to some polls, or expire."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pollwire_server.auth.api_keys import POLL_SCOPES, Scope

from tests.api.conftest import LUNCH, Service
from tests.api.test_api_keys import KEYS, POLLS, bearing, make, slug


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


async def make_limited(service: Service, *scopes: Scope, **limits: Any) -> dict[str, Any]:
    body = {"name": "limited", "scopes": list(scopes or POLL_SCOPES), **limits}
    answer = await service.admin.post(KEYS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_bound_key_lists_and_reads_its_polls_only(service: Service) -> None:
    tag = secrets.token_hex(4)
    names = {name: f"{name}-{tag}" for name in ("lunch", "dinner", "final", "other")}
    await service.create_poll(id=names["lunch"])
    await service.create_poll(id=names["dinner"])
    await service.create_poll(id=names["final"], kind="prediction", series=f"cup-{tag}")
    await service.create_poll(id=names["other"], kind="prediction", series=f"league-{tag}")
    made = await make_limited(service, polls=[f"lunch-{tag}*"], series=[f"cup-{tag}"])
    key = bearing(made)
    listed = (await service.http.get(POLLS, headers=key)).json()
    assert [item["id"] for item in listed["items"]] == [names["final"], names["lunch"]]
    for name, status in (("lunch", 200), ("final", 200), ("dinner", 404), ("other", 404)):
        answer = await service.http.get(f"{POLLS}/{names[name]}", headers=key)
        assert answer.status_code == status, name
    own = (await service.http.get(f"{KEYS}/mine", headers=key)).json()
    assert (own["polls"], own["series"]) == ([f"lunch-{tag}*"], [f"cup-{tag}"])
    assert (own["polls"], own["series"], None) == (made["polls"], made["series"], made["expires_at"])


async def test_bound_key_gets_404_on_every_route_of_other_polls(service: Service) -> None:
    """Check each documented route of a poll, with every scope that a bound key may have."""
    key = bearing(await make_limited(service, polls=["lunch-*"]))
    poll = (await service.create_poll(id=f"dinner-{secrets.token_hex(4)}"))["id"]
    asked = 0
    for path, methods in (await service.http.get("/openapi.json")).json()["paths"].items():
        if not path.startswith(f"{POLLS}/{{"):
            continue
        for method in set(methods) & {"get", "post", "patch", "delete"}:
            asked += 1
            address = re.sub(r"\{[a-z_]+\}", poll, path)
            answer = await service.http.request(method, address, headers=key)
            assert (answer.status_code, slug(answer)) == (404, "poll-not-found"), (method, path)
    assert asked > 15


async def test_bound_key_changes_settings_of_its_series_only(service: Service) -> None:
    tag = secrets.token_hex(4)
    for name in ("cup", "league"):
        await service.create_poll(kind="prediction", series=f"{name}-{tag}")
    key = bearing(await make_limited(service, series=[f"cup-{tag}"], polls=["league*"]))
    for name, status in (("cup", 200), ("league", 404)):
        path = f"/v1/admin/series/{name}-{tag}"
        answer = await service.http.put(path, json={"title": "Finals"}, headers=key)
        assert answer.status_code == status, name


async def test_ticket_of_bound_key_shows_hidden_totals_of_its_polls_only(service: Service) -> None:
    """Check hidden totals, and polls before ``visible_at``, by a ticket and by the key itself."""
    tag, later = secrets.token_hex(4), in_seconds(3600)
    made = await make_limited(service, polls=[f"lunch-{tag}*"])
    ticket = (await service.http.post("/v1/tickets", headers=bearing(made))).json()["ticket"]
    for name, is_hidden in ((f"lunch-{tag}", False), (f"dinner-{tag}", True)):
        await service.create_poll(id=name, results="operators")
        await service.create_poll(id=f"{name}-later", visible_at=later)
        for query, headers in ((f"?ticket={ticket}", {}), ("", bearing(made))):
            shown = await service.http.get(f"/v1/polls/{name}/results{query}", headers=headers)
            assert shown.json().get("hidden", False) is is_hidden
            invisible = await service.http.get(f"/v1/polls/{name}-later/results{query}", headers=headers)
            assert invisible.status_code == (404 if is_hidden else 200)


async def test_bound_key_creates_polls_within_its_limits_only(service: Service) -> None:
    tag = secrets.token_hex(4)
    key = bearing(await make_limited(service, polls=[f"lunch-{tag}-*"], series=[f"cup-{tag}"]))
    prediction = {"kind": "prediction", "series": f"cup-{tag}"}
    for changes, status in (
        ({"id": f"lunch-{tag}-1"}, 201),
        ({"id": f"dinner-{tag}"}, 403),
        ({}, 403),
        ({"id": f"final-{tag}", **prediction}, 201),
        (prediction, 201),
        ({"id": f"lunch-{tag}-2", "kind": "prediction", "series": f"league-{tag}"}, 403),
    ):
        answer = await service.http.post(POLLS, json={**LUNCH, **changes}, headers=key)
        assert answer.status_code == status, changes
        if status == 403:
            assert slug(answer) == "scope-missing"
    assert (await service.admin.get(f"{POLLS}/dinner-{tag}")).status_code == 404


@pytest.mark.parametrize("scope", sorted(set(Scope) - POLL_SCOPES))
async def test_bound_key_has_no_scope_for_the_whole_service(service: Service, scope: Scope) -> None:
    scopes = [scope, Scope.VOTES_WRITE]
    for limits in ({"polls": ["lunch"]}, {"series": ["cup"]}):
        refused = await service.admin.post(KEYS, json={"name": "x", "scopes": scopes, **limits})
        assert (refused.status_code, refused.json()["field"]) == (422, "scopes")


async def test_expired_key_returns_401(service: Service) -> None:
    made = await make_limited(service, expires_at=in_seconds(1.5))
    assert (await service.http.get(POLLS, headers=bearing(made))).status_code == 200
    deadline = time.monotonic() + 6
    while (answer := await service.http.get(POLLS, headers=bearing(made))).status_code == 200:
        assert time.monotonic() < deadline
    assert (answer.status_code, slug(answer)) == (401, "api-key-invalid")


async def test_key_that_expires_creates_no_key_that_lasts_longer(service: Service) -> None:
    maker = bearing(
        await make_limited(service, Scope.KEYS_WRITE, Scope.POLLS_READ, expires_at=in_seconds(60))
    )
    body = {"name": "x", "scopes": ["polls:read"]}
    for expires_at, status in ((None, 422), (in_seconds(90), 422), (in_seconds(30), 201)):
        sent = body | ({} if expires_at is None else {"expires_at": expires_at})
        answer = await service.http.post(KEYS, json=sent, headers=maker)
        assert answer.status_code == status
        assert answer.json().get("field") == ("expires_at" if status == 422 else None)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"polls": []}, "polls"),
        ({"polls": ["*"]}, "polls[0]"),
        ({"polls": ["Lunch"]}, "polls[0]"),
        ({"polls": ["a*b"]}, "polls[0]"),
        ({"series": ["cup-*"]}, "series[0]"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00"}, "expires_at"),
    ],
    ids=str,
)
async def test_invalid_limit_returns_422_with_the_field(
    service: Service, limits: dict[str, Any], field: str
) -> None:
    body = {"name": "x", "scopes": ["polls:read"], **limits}
    answer = await service.admin.post(KEYS, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_key_without_limits_reads_every_poll(service: Service) -> None:
    made = await make(service, Scope.POLLS_READ)
    assert (made["polls"], made["series"], made["expires_at"]) == (None, None, None)
