"""The audit log of the service: its entries, its hash chain, and its readers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from itertools import pairwise
from typing import Any

import pytest
from pollwire_server.admin.audit_trail import AuditTrail
from pollwire_server.auth.api_keys import Scope
from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.domain.service_audit import NewAuditEntry
from pollwire_server.store import Store

from tests.api.conftest import Serve, Service
from tests.api.hooks import QUICK, hook
from tests.api.test_api_keys import KEYS, POLLS, bearing, make
from tests.api.test_predictions import predicted, resolve
from tests.wait import until
from tests.webhook_receiver import receiving

AUDIT = "/v1/admin/audit"
ISSUER = {"issuer": "https://news.example", "algorithm": "HS256", "audience": "polls", "key": "k" * 32}


async def entries(service: Service, **query: str) -> list[dict[str, Any]]:
    answer = await service.admin.get(AUDIT, params={"limit": "100", **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def chain_hash(entry: dict[str, Any]) -> str:
    """Return the hash by the documented rule, independent of the service's code."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def test_acts_on_credentials_are_recorded_with_the_key(service: Service) -> None:
    made = await make(service, Scope.POLLS_READ, name="café \u202e desk")
    await service.admin.delete(f"{KEYS}/{made['id']}")
    issuer = (await service.admin.post("/v1/admin/issuers", json=ISSUER)).json()["id"]
    await service.admin.post("/v1/admin/issuers", json=ISSUER | {"key": "f" * 32})
    await service.admin.delete(f"/v1/admin/issuers/{issuer}")
    found = [(entry["act"], entry["target"]) for entry in await entries(service)][:5]
    assert found == [
        ("issuer.deleted", issuer),
        ("issuer.replaced", issuer),
        ("issuer.registered", issuer),
        ("key.revoked", made["id"]),
        ("key.created", made["id"]),
    ]
    created = (await entries(service))[4]
    assert created["by"] == {"id": "000000000000", "name": "admin"}
    assert created["detail"] == {"name": "café \u202e desk", "scopes": ["polls:read"]}
    text = json.dumps(await entries(service))
    assert made["key"] not in text
    assert "k" * 32 not in text


async def test_changed_settings_of_a_series_are_recorded(service: Service) -> None:
    body = {"rank_by": "peer", "minimum": 3, "title": None}
    assert (await service.admin.put("/v1/admin/series/cup", json=body)).status_code == 200
    assert (await service.admin.put("/v1/admin/series/cup", json={"minimum": 0})).status_code == 422
    entry = (await entries(service))[0]
    assert (entry["act"], entry["target"], entry["by"]["name"]) == ("series.edited", "cup", "admin")
    assert entry["detail"] == {"rank_by": "peer", "minimum": 3, "reset": ["title"]}


async def test_new_order_of_a_leaderboard_is_recorded_when_it_begins(
    own_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = await predicted(own_service, {await own_service.voter(): "home"})
    assert (await resolve(own_service, poll, "home")).status_code == 200
    monkeypatch.setattr("pollwire_server.store.predictions.series_settings.MAX_REQUEST_WAIT_S", 0.0)
    answer = await own_service.admin.put("/v1/admin/series/cup", json={"minimum": 2})
    assert answer.status_code == 202
    entry = (await entries(own_service))[0]
    assert (entry["act"], entry["target"]) == ("series.edited", "cup")
    assert entry["detail"] == {"minimum": 2, "reset": []}


async def test_bulk_votes_and_exports_are_recorded_with_numbers_and_totals(service: Service) -> None:
    poll = (await service.create_poll())["id"]
    lines = b"".join(b'{"voter": "m%d", "choice": "rice"}\n' % number for number in range(3))
    path, kind = f"{POLLS}/{poll}/votes", {"Content-Type": "application/x-ndjson"}
    key = await make(service, Scope.VOTES_WRITE, Scope.RESULTS_READ, name="back end")
    await service.http.post(path, content=lines + b"{}\n", headers=bearing(key) | kind)
    await service.http.get(f"{POLLS}/{poll}/export", headers=bearing(key))
    exported, sent = (await entries(service))[:2]
    assert (sent["act"], sent["target"], sent["by"]["id"]) == ("votes.sent", poll, key["id"])
    assert (sent["detail"]["counted"], sent["detail"]["rejected"]) == (3, 1)
    assert (exported["act"], exported["detail"]["format"]) == ("votes.exported", "csv")
    assert exported["detail"]["totals"] == sent["detail"]["totals"]
    await service.vote(poll, "yam", await service.voter())
    await service.act(poll, "close")
    closed = (await entries(service))[0]
    assert (closed["act"], closed["detail"]["action"]) == ("poll.acted", "close")
    assert closed["detail"]["totals"] != sent["detail"]["totals"]


async def test_chain_is_verified_from_its_documentation(own_service: Service) -> None:
    """Check hashes and links with a second implementation, and across pages and concurrent appends."""
    await asyncio.gather(*(make(own_service, Scope.POLLS_READ, name=f"{n} é") for n in range(25)))
    found: list[dict[str, Any]] = []
    query = {"limit": "10"}
    while True:
        page = (await own_service.admin.get(AUDIT, params=query)).json()
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [entry["n"] for entry in found] == list(range(25, 0, -1))
    assert all(entry["hash"] == chain_hash(entry) for entry in found)
    assert all(newer["previous"] == older["hash"] for newer, older in pairwise(found))
    assert found[-1]["previous"] == ""


async def test_store_rejects_an_entry_that_does_not_follow_the_newest(own_service: Service) -> None:
    """Check that two processes with the same idea of the newest entry both append, one after the other."""
    log = own_service.store.service_audit_log
    first = await log.append(NewAuditEntry("test.one"), 1)
    await make(own_service, Scope.POLLS_READ)  # appended by the service, which has a log of its own
    second = await log.append(NewAuditEntry("test.two"), 2)
    assert (first.n, second.n) == (1, 3)
    assert [entry["act"] for entry in await entries(own_service)] == ["test.two", "key.created", "test.one"]


async def test_repeat_after_a_lost_reply_appends_nothing(own_service: Service) -> None:
    log = own_service.store.service_audit_log
    newest = log._newest
    first = await log.append(NewAuditEntry("test.one"), 1)
    log._newest = newest  # as if the reply had been lost
    assert await log.append(NewAuditEntry("test.one"), 1) == first
    assert [entry["act"] for entry in await entries(own_service)] == ["test.one"]


async def test_log_is_read_with_audit_read_only(service: Service) -> None:
    others = [scope for scope in Scope if scope is not Scope.AUDIT_READ]
    refused = await service.http.get(AUDIT, headers=bearing(await make(service, *others)))
    assert (refused.status_code, refused.json()["scope"]) == (403, "audit:read")
    allowed = await service.http.get(AUDIT, headers=bearing(await make(service, Scope.AUDIT_READ)))
    assert allowed.status_code == 200
    assert (await service.admin.get(AUDIT, params={"cursor": "x"})).status_code == 422


async def test_rejected_keys_and_tickets_are_counted_by_network_and_key(own_service: Service) -> None:
    trail = AuditTrail(own_service.store, secrets.token_bytes(32), count_every_s=0.02)
    for number in (1, 1, 2):
        trail.count_rejected_key(ClientAddress(bytes([198, 51, number, 7])))
    task = asyncio.create_task(trail.run())
    while not (found := await entries(own_service)):
        assert not task.done()
    task.cancel()
    assert (found[0]["act"], found[0]["detail"]["count"]) == ("keys.rejected", 3)
    assert [network["count"] for network in found[0]["detail"]["networks"]] == [2, 1]
    assert "198.51" not in json.dumps(found)


async def test_rejected_keys_and_tickets_of_requests_are_recorded(serve: Serve, store: Store) -> None:
    """Check the counts of a worker, which also writes them when it stops."""
    async with serve() as service:
        key = await make(service, Scope.RESULTS_READ)
        await service.http.post("/v1/tickets", headers=bearing(key))
        for _ in range(3):
            wrong = {"Authorization": f"Bearer pwk_{'0' * 11}1_{'x' * 43}"}
            assert (await service.http.get(POLLS, headers=wrong)).status_code == 401
    found, _ = await store.service_audit_log.entries(cursor=None, limit=9)
    counts = {entry.act: (entry.by.id, entry.detail.get("count")) for entry in found}
    assert counts["keys.rejected"] == ("", 3)
    assert counts["tickets.issued"] == (key["id"], 1)


async def test_entry_is_a_structured_log_line(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pollwire.audit"):
        made = await make(service, Scope.POLLS_READ)
    record = next(record for record in caplog.records if record.name == "pollwire.audit")
    audit: dict[str, Any] = record.__dict__["fields"]["audit"]
    assert (audit["act"], audit["target"]) == ("key.created", made["id"])
    assert audit["hash"] == chain_hash(audit)


async def test_entry_is_an_event_for_webhooks_that_ask_for_it(serve: Serve) -> None:
    async with serve(**QUICK) as service, receiving() as site:
        body = {"url": site.url, "events": ["audit.recorded"]}
        key = bearing(await make(service, Scope.WEBHOOKS_WRITE))
        refused = await service.http.post("/v1/admin/webhooks", json=body, headers=key)
        assert (refused.status_code, refused.json()["scope"]) == (403, "audit:read")
        await hook(service, site, events=["audit.recorded"])
        made = await make(service, Scope.POLLS_READ)
        await until(lambda: len(site.deliveries) > 1)
        event = site.deliveries[-1].document
        assert (event["type"], event["data"]["target"]) == ("audit.recorded", made["id"])
        assert event["data"]["hash"] == chain_hash(event["data"])
