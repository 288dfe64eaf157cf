"""Receipts of votes that no longer count, and the reasons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET

from tests.api.conftest import Service
from tests.store.ballot_helpers import set_tally

Harm = Callable[[Service, str, str], Awaitable[Any]]


async def _taken_back(service: Service, poll: str, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await service.http.delete(f"/v1/polls/{poll}/votes/mine", headers=bearer)).status_code == 200


async def _replaced(service: Service, poll: str, token: str) -> None:
    assert (await service.vote(poll, "yam", token)).json()["status"] == "changed"


async def _reset(service: Service, poll: str, _: str) -> None:
    await service.act(poll, "reset", confirm=poll)


async def _archived(service: Service, poll: str, _: str) -> None:
    await service.act(poll, "close")
    await service.act(poll, "archive")


async def _lost(service: Service, poll: str, _: str) -> None:
    """Remove the ballot and set ``seq`` back, as if an older copy of the store had been restored."""
    before = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    record = await service.store.polls.get(poll)
    await service.store.connection.client.delete(*record.keys[FIRST_BUCKET : FIRST_BUCKET + BUCKETS])
    await set_tally(service.store, record, "seq", 0)
    after = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert after["epoch"] > before["epoch"]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_replaced, "replaced"),
        (_taken_back, "gone"),
        (_reset, "gone"),
        (_archived, "archived"),
        (_lost, "gone"),
    ],
)
async def test_receipt_not_counted_returns_the_reason(service: Service, harm: Harm, reason: str) -> None:
    poll = (await service.create_poll(revote="withdraw"))["id"]
    token = await service.voter()
    vote = (await service.vote(poll, "rice", token)).json()

    async def shown() -> dict[str, Any]:
        answer = await service.http.post(f"/v1/polls/{poll}/receipts", json={"receipt": vote["receipt"]})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    assert await shown() == {"valid": True, "counted": True, "choice": "rice", "at": vote["at"]}
    await harm(service, poll, token)
    assert await shown() == {
        "valid": True,
        "counted": False,
        "choice": "rice",
        "at": vote["at"],
        "reason": reason,
    }
