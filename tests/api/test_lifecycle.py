"""Lifecycle of a poll over HTTP: publish, cancel, archive, reset, and the audit log."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import Service

POLLS = "/v1/admin/polls"


async def results_of(service: Service, poll: str) -> dict[str, object]:
    """Return the results that the public reads."""
    document: dict[str, object] = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    return document


async def test_publish_shows_hidden_totals(service: Service) -> None:
    """Check that the public sees totals only after publish, and that a repeat changes nothing."""
    poll = (await service.create_poll(results="operators"))["id"]
    await service.vote(poll, "rice", await service.voter())
    assert (await results_of(service, poll))["hidden"] is True
    published = await service.act(poll, "publish")
    assert published["results"] == "always"
    assert (await results_of(service, poll))["counts"] == {"rice": 1, "yam": 0}
    assert await service.act(poll, "publish") == published


async def test_reopen_hides_totals(service: Service) -> None:
    """Check that reopening hides totals shown after closing, in reads, cached reads and vote responses."""
    poll = (await service.create_poll(results="after_close"))["id"]
    token = await service.voter()
    await service.vote(poll, "rice", token)
    await service.act(poll, "close")
    shown = await service.http.get(f"/v1/polls/{poll}/results")
    assert shown.json()["counts"] == {"rice": 1, "yam": 0}
    await service.act(poll, "reopen")
    known = {"If-None-Match": shown.headers.get("etag", '"none"')}
    hidden = await service.http.get(f"/v1/polls/{poll}/results", headers=known)
    assert (hidden.status_code, hidden.json()["hidden"], hidden.json()["seq"]) == (200, True, 0)
    assert "counts" not in hidden.text
    vote = await service.vote(poll, "rice", token)
    assert (vote.json()["status"], "seq" in vote.json()) == ("unchanged", False)


async def test_canceled_poll_can_only_be_archived(service: Service) -> None:
    """Check that a canceled poll takes no votes, cannot be opened, and may be archived."""
    poll = (await service.create_poll())["id"]
    assert (await service.act(poll, "cancel"))["phase"] == "canceled"
    vote = await service.vote(poll, "rice", await service.voter())
    assert (vote.status_code, vote.json()["type"]) == (403, "/problems/poll-closed")
    for act in ("open", "close", "reopen"):
        refused = await service.admin.post(f"{POLLS}/{poll}/{act}")
        assert (refused.status_code, refused.json()["phase"]) == (409, "canceled")
    assert (await results_of(service, poll))["phase"] == "canceled"
    assert (await service.act(poll, "archive"))["phase"] == "archived"


async def test_archive_keeps_results_and_deletes_votes(service: Service) -> None:
    """Check that archiving keeps results, deletes votes, and is idempotent."""
    poll, token = (await service.create_poll(revote="withdraw"))["id"], await service.voter()
    await service.vote(poll, "rice", token)
    refused = await service.admin.post(f"{POLLS}/{poll}/archive")
    assert (refused.status_code, refused.json()["phase"]) == (409, "open")
    await service.act(poll, "close")
    archived = await service.act(poll, "archive")
    assert await service.act(poll, "archive") == archived
    assert (await results_of(service, poll))["counts"] == {"rice": 1, "yam": 0}
    assert (await service.vote(poll, "rice", token)).status_code == 403
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await service.http.get(f"/v1/polls/{poll}/votes/mine", headers=bearer)).status_code == 404


async def test_reset_requires_the_poll_id_as_confirmation(service: Service) -> None:
    """Check that reset needs the poll id as confirmation, and that counts are then zero in a later epoch."""
    poll, token = (await service.create_poll())["id"], await service.voter()
    receipt = (await service.vote(poll, "rice", token)).json()["receipt"]
    before = await results_of(service, poll)
    for body in ({}, {"confirm": "another"}):
        refused = await service.admin.post(f"{POLLS}/{poll}/reset", json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, "confirm")
    await service.act(poll, "reset", confirm=poll)
    after = await results_of(service, poll)
    assert (after["voters"], after["seq"]) == (0, 0)
    assert str(after["epoch"]) > str(before["epoch"])
    assert (await service.vote(poll, "rice", token)).json()["status"] == "counted"
    checked = (await service.http.post(f"/v1/polls/{poll}/receipts", json={"receipt": receipt})).json()
    assert (checked["valid"], checked["counted"]) == (True, False)


async def test_audit_log_has_every_action_newest_first(service: Service) -> None:
    """Check that the audit log has every action, newest first and in pages, and outlives the poll."""
    poll = (await service.create_poll(results="operators"))["id"]
    await service.act(poll, "publish")
    await service.admin.request("DELETE", f"{POLLS}/{poll}", json={"confirm": poll})
    page = (await service.admin.get(f"{POLLS}/{poll}/audit", params={"limit": "2"})).json()
    assert [(entry["by"], entry["act"]) for entry in page["items"]] == [
        ("admin", "delete"),
        ("admin", "publish"),
    ]
    assert page["items"][1]["before"] == {"version": 1, "phase": "open", "results": "operators"}
    assert page["items"][0]["after"] is None
    rest = (
        await service.admin.get(f"{POLLS}/{poll}/audit", params={"limit": "2", "cursor": page["next"]})
    ).json()
    assert ([entry["act"] for entry in rest["items"]], rest["next"]) == (["create"], None)


@pytest.mark.parametrize("path", ["nowhere", "NOT-AN-ID"])
async def test_audit_log_of_unknown_poll_returns_404(service: Service, path: str) -> None:
    answer = await service.admin.get(f"{POLLS}/{path}/audit")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/poll-not-found")


async def test_lifecycle_concurrent_actions_end_canceled(service: Service) -> None:
    """Check that concurrent actions end with the canceled poll, and that rejected ones get the phase."""
    poll = (await service.create_poll())["id"]
    acts = ("cancel", "reopen", "open", "close")
    answers = await asyncio.gather(*(service.admin.post(f"{POLLS}/{poll}/{act}") for act in acts))
    assert (await service.admin.get(f"{POLLS}/{poll}")).json()["phase"] == "canceled"
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all("phase" in answer.json() for answer in answers)


async def test_recount_returns_stored_and_recounted_totals(service: Service) -> None:
    """Check that a recount returns stored and recounted totals, and that neither is public."""
    poll = (await service.create_poll(results="operators"))["id"]
    for choice in ("rice", "rice", "yam"):
        await service.vote(poll, choice, await service.voter())
    totals = {"voters": 3, "counts": {"rice": 2, "yam": 1}}
    answer = await service.admin.post(f"{POLLS}/{poll}/recount")
    assert answer.json() == {"matches": True, "stored": totals, "recounted": totals}
    record = await service.store.polls.get(poll)
    await service.store.connection.client.hincrby(record.keys[1], "A", 5)
    wrong = (await service.admin.post(f"{POLLS}/{poll}/recount")).json()
    assert (wrong["matches"], wrong["stored"]["counts"]["rice"]) == (False, 7)
    assert (await service.http.post(f"{POLLS}/{poll}/recount")).status_code == 401
    assert (await service.admin.post(f"{POLLS}/{poll}/recount", json={"x": 1})).status_code == 422
