"""Permissions of each scope of an API key. No scope leads to another."""

from __future__ import annotations

from typing import Any

import pytest
from pollwire_server.auth.api_keys import Scope

from tests.api.conftest import LUNCH, Service
from tests.api.test_api_keys import KEYS, POLLS, bearing, make, slug

ISSUERS = "/v1/admin/issuers"
ISSUER = {"issuer": "https://news.example", "algorithm": "HS256", "audience": "polls", "key": "k" * 32}
ALL_BUT_RESULTS = [scope for scope in Scope if scope is not Scope.RESULTS_READ]


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ((Scope.KEYS_WRITE,), 403),
        ((Scope.VOTES_WRITE,), 403),
        ((Scope.KEYS_WRITE, Scope.VOTES_WRITE), 403),
        ((Scope.ISSUERS_WRITE, Scope.VOTES_WRITE), 200),
    ],
    ids=["keys", "votes", "keys+votes", "issuers+votes"],
)
async def test_issuer_key_cannot_be_replaced_without_issuers_write(
    service: Service, scopes: tuple[Scope, ...], status: int
) -> None:
    assert (await service.admin.post(ISSUERS, json=ISSUER)).is_success
    key = bearing(await make(service, *scopes))
    answer = await service.http.post(ISSUERS, json=ISSUER | {"key": "f" * 32}, headers=key)
    assert answer.status_code == status


async def test_issuer_cannot_be_deleted_with_keys_write(service: Service) -> None:
    """Check that a key without issuers:write can neither list nor delete issuers."""
    issuer = (await service.admin.post(ISSUERS, json=ISSUER)).json()["id"]
    key = bearing(await make(service, Scope.KEYS_WRITE, Scope.VOTES_WRITE, Scope.WEBHOOKS_WRITE))
    for method, path in (("DELETE", f"{ISSUERS}/{issuer}"), ("GET", ISSUERS)):
        answer = await service.http.request(method, path, headers=key)
        assert (answer.status_code, answer.json()["scope"]) == (403, "issuers:write")
    assert (await service.admin.get(ISSUERS)).json()["items"]


async def test_issuers_write_is_granted_with_votes_write_only(service: Service) -> None:
    body = {"name": "x", "scopes": ["issuers:write"]}
    refused = await service.admin.post(KEYS, json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "scopes")
    key = bearing(await make(service, Scope.KEYS_WRITE, Scope.VOTES_WRITE))
    body["scopes"] = ["issuers:write", "votes:write"]
    refused = await service.http.post(KEYS, json=body, headers=key)
    assert (refused.status_code, refused.json()["scope"]) == (403, "issuers:write")


@pytest.mark.parametrize("act", ["reset", "archive", "delete", "erase"])
async def test_votes_cannot_be_destroyed_with_polls_write(service: Service, act: str) -> None:
    poll = (await service.create_poll())["id"]
    await service.act(poll, "close")
    key = bearing(await make(service, *(scope for scope in Scope if scope is not Scope.POLLS_DESTROY)))
    path, method = f"{POLLS}/{poll}/{act}", "POST"
    if act == "delete":
        path, method = f"{POLLS}/{poll}", "DELETE"
    answer = await service.http.request(method, path, json={"confirm": poll}, headers=key)
    assert (answer.status_code, answer.json()["scope"]) == (403, "polls:destroy")
    assert (await service.admin.get(f"{POLLS}/{poll}")).json()["phase"] == "closed"


async def test_destroy_scope_alone_resets_and_deletes(service: Service) -> None:
    poll = (await service.create_poll())["id"]
    key = bearing(await make(service, Scope.POLLS_DESTROY))
    body = {"confirm": poll}
    assert (await service.http.post(f"{POLLS}/{poll}/reset", json=body, headers=key)).status_code == 200
    deleted = await service.http.request("DELETE", f"{POLLS}/{poll}", json=body, headers=key)
    assert deleted.status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "results", None),
        ("GET", "timeline", None),
        ("GET", "export", None),
        ("GET", "report", None),
        ("POST", "recount", {}),
        ("POST", "publish", {}),
        ("POST", "purge", {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_hidden_totals_need_results_read(
    service: Service, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """Check that every other scope together reads no totals of a hidden poll."""
    poll = (await service.create_poll(results="operators"))["id"]
    sent = None if body is None else body | ({"confirm": poll} if path == "purge" else {})
    key = bearing(await make(service, *ALL_BUT_RESULTS))
    answer = await service.http.request(method, f"{POLLS}/{poll}/{path}", json=sent, headers=key)
    assert (answer.status_code, answer.json()["scope"]) == (403, "results:read")


async def test_lower_capacity_needs_results_read_once_voted(service: Service) -> None:
    """Check that an edit shows no count: neither in its error nor by whether it succeeds."""
    options = [dict(option) for option in LUNCH["options"]]  # type: ignore[attr-defined]
    poll = (await service.create_poll(results="operators", options=options))["id"]
    key = bearing(await make(service, *ALL_BUT_RESULTS))

    async def edit(capacity: int | None) -> Any:
        changed = [options[0] | {"capacity": capacity}, options[1]]
        return await service.http.patch(f"{POLLS}/{poll}", json={"options": changed}, headers=key)

    assert (await edit(9)).status_code == 200
    await service.vote(poll, "rice", await service.voter())
    for capacity in (1, 8):
        refused = await edit(capacity)
        assert (refused.status_code, slug(refused)) == (403, "scope-missing")
        assert "1" not in refused.json()["detail"]
    assert (await edit(20)).status_code == 200
    assert (await edit(None)).status_code == 200


async def test_audit_log_without_results_read_has_no_numbers_of_votes(service: Service) -> None:
    poll = (await service.create_poll(results="operators"))["id"]
    await service.vote(poll, "rice", await service.voter())
    await service.act(poll, "reset", confirm=poll)
    path = f"{POLLS}/{poll}/audit"
    assert (await service.admin.get(path)).json()["items"][0]["before"]["voters"] == 1
    key = bearing(await make(service, *ALL_BUT_RESULTS))
    for entry in (await service.http.get(path, headers=key)).json()["items"]:
        assert "voters" not in (entry["before"] or {})
        assert "voters" not in (entry["after"] or {})
