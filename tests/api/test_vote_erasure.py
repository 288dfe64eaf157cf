"""Erasure of a vote, by its voter with the token or by an operator with the receipt."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.test_purges import matches, results


async def erase_own_vote(service: Service, poll: str, token: str | None) -> httpx.Response:
    """Erase a vote as its voter and return the response."""
    service.http.cookies.clear()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await service.http.delete(f"/v1/polls/{poll}/voters/me", headers=headers)


async def erase_by_receipt(service: Service, poll: str, receipt: object) -> httpx.Response:
    """Erase a vote as an operator with its receipt, and return the response."""
    return await service.admin.post(f"/v1/admin/polls/{poll}/erase", json={"receipt": receipt})


async def test_erase_after_closing_keeps_the_totals(service: Service) -> None:
    poll, token = (await service.create_poll())["id"], await service.voter()
    receipt = (await service.vote(poll, "rice", token)).json()["receipt"]
    refused = await erase_own_vote(service, poll, token)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/phase-conflict")
    await service.act(poll, "close")
    answer = await erase_own_vote(service, poll, token)
    assert (answer.status_code, answer.json()) == (200, {"poll": poll, "counts": True})
    assert (await results(service, poll))["counts"]["rice"] == 1
    assert await matches(service, poll)
    shown = await service.http.post(f"/v1/polls/{poll}/receipts", json={"receipt": receipt})
    assert (shown.json()["valid"], shown.json()["counted"]) == (True, False)
    assert (await erase_own_vote(service, poll, token)).json()["type"] == "/problems/vote-not-found"


async def test_erase_while_open_withdraws_the_vote(service: Service) -> None:
    poll, token = (await service.create_poll(revote="withdraw"))["id"], await service.voter()
    await service.vote(poll, "rice", token)
    assert (await erase_own_vote(service, poll, token)).json() == {"poll": poll, "counts": False}
    now = await results(service, poll)
    assert (now["voters"], now["seq"]) == (0, 2)
    assert (await service.vote(poll, "yam", token)).json()["revision"] == 1


@pytest.mark.parametrize(
    ("token", "status", "slug"),
    [(None, 401, "voter-token-required"), ("x", 401, "voter-token-invalid"), ("new", 404, "vote-not-found")],
)
async def test_erase_without_a_vote_is_rejected(
    service: Service, token: str | None, status: int, slug: str
) -> None:
    poll = (await service.create_poll())["id"]
    answer = await erase_own_vote(service, poll, await service.voter() if token == "new" else token)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


async def test_erase_by_receipt_removes_the_vote_and_is_logged(service: Service) -> None:
    poll, token = (await service.create_poll())["id"], await service.voter()
    receipt = (await service.vote(poll, "rice", token)).json()["receipt"]
    await service.vote(poll, "rice", await service.voter())
    before = await results(service, poll)
    assert (await erase_by_receipt(service, poll, receipt)).json() == {"erased": True}
    after = await results(service, poll)
    assert (after["voters"], after["counts"]["rice"]) == (1, 1)
    assert (after["seq"], after["epoch"]) == (before["seq"] + 1, before["epoch"])
    assert await matches(service, poll)
    assert (await erase_by_receipt(service, poll, receipt)).json() == {"erased": False}
    entry = (await service.admin.get(f"/v1/admin/polls/{poll}/audit")).json()["items"][0]
    assert entry["act"] == "erase"
    assert set(entry) == {"at", "by", "act", "before", "after"}
    assert "voter" not in str(entry).replace("voters", "")


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"receipt": "no receipt"}, "receipt-invalid"),
        ({"receipt": 7}, "invalid-poll"),
        ({}, "invalid-poll"),
        ({"receipt": "x", "voter": "y"}, "invalid-poll"),
    ],
)
async def test_erase_by_invalid_receipt_is_rejected(
    service: Service, body: dict[str, object], slug: str
) -> None:
    poll = (await service.create_poll())["id"]
    answer = await service.admin.post(f"/v1/admin/polls/{poll}/erase", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{slug}")
    refused = await service.http.post(f"/v1/admin/polls/{poll}/erase", json=body)
    assert refused.status_code == 401


async def test_erase_by_receipt_of_another_poll_is_rejected(service: Service) -> None:
    poll, other = [(await service.create_poll())["id"] for _ in range(2)]
    receipt = (await service.vote(poll, "rice", await service.voter())).json()["receipt"]
    assert (await erase_by_receipt(service, other, receipt)).json()["type"] == "/problems/receipt-invalid"
    for action in ("close", "archive"):
        await service.act(poll, action)
    assert (await erase_by_receipt(service, poll, receipt)).json()["type"] == "/problems/phase-conflict"
