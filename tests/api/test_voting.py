"""Votes over HTTP: counting, changes, withdrawal and receipts."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import pytest
from pollwire_server.domain.timestamps import parse_timestamp

from tests.api.conftest import Service
from tests.wait import until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def bearer(token: str) -> dict[str, str]:
    """Return the header with a voter's token."""
    return {"Authorization": f"Bearer {token}"}


async def totals(service: Service, poll: str) -> dict[str, Any]:
    """Return the poll's totals from a fresh read."""
    answer = await service.admin.get(f"/v1/admin/polls/{poll}/results")
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


async def test_vote_counted_returns_choice_time_revision_seq_and_receipt(service: Service) -> None:
    poll = await service.create_poll()
    answer = await service.vote(poll["id"], "rice", await service.voter())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"
    body = answer.json()
    assert set(body) == {"status", "poll", "choice", "at", "revision", "seq", "receipt"}
    assert (body["status"], body["poll"], body["choice"]) == ("counted", poll["id"], "rice")
    assert (body["revision"], body["seq"]) == (1, 1)
    assert TIME.fullmatch(body["at"])
    assert abs(parse_timestamp(body["at"], None, "at") - time.time() * 1000) < 60_000


async def test_vote_repeated_is_unchanged_and_counts_once(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    first = (await service.vote(poll["id"], "rice", token)).json()
    again = await service.vote(poll["id"], "rice", token)
    assert again.status_code == 200
    assert again.json() == first | {"status": "unchanged"}
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 1, "yam": 0}


async def test_vote_repeated_after_closing_is_unchanged(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    await service.act(poll["id"], "close")
    again = await service.vote(poll["id"], "rice", token)
    assert (again.status_code, again.json()["status"]) == (200, "unchanged")


async def test_vote_concurrent_votes_get_distinct_seq(service: Service) -> None:
    poll = await service.create_poll()
    tokens = [await service.voter() for _ in range(30)]
    answers = await asyncio.gather(*(service.vote(poll["id"], "rice", token) for token in tokens * 2))
    bodies = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {200}
    counted = [body["seq"] for body in bodies if body["status"] == "counted"]
    assert sorted(counted) == list(range(1, 31))
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 30, "yam": 0}


async def test_vote_changed_moves_the_count_and_raises_the_revision(service: Service) -> None:
    poll = await service.create_poll(revote="change")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    changed = (await service.vote(poll["id"], "yam", token)).json()
    assert (changed["status"], changed["choice"], changed["revision"]) == ("changed", "yam", 2)
    results = await totals(service, poll["id"])
    assert (results["counts"], results["voters"]) == ({"rice": 0, "yam": 1}, 1)


async def test_vote_change_of_an_old_revision_is_rejected(service: Service) -> None:
    poll = await service.create_poll(revote="change")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    await service.vote(poll["id"], "yam", token, revision=1)
    late = await service.vote(poll["id"], "rice", token, revision=1)
    assert late.status_code == 409
    assert (late.json()["type"], late.json()["revision"]) == ("/problems/stale-revision", 2)
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 0, "yam": 1}


async def test_vote_multiple_choice_ignores_the_order(service: Service) -> None:
    options = [{"id": name, "label": name} for name in ("a", "b", "c")]
    poll = await service.create_poll(kind="multiple", options=options)
    token = await service.voter()
    first = (await service.vote(poll["id"], ["c", "a"], token)).json()
    again = (await service.vote(poll["id"], ["a", "c"], token)).json()
    assert (first["choice"], again["status"]) == (["a", "c"], "unchanged")
    assert (await totals(service, poll["id"]))["counts"] == {"a": 1, "b": 0, "c": 1}


@pytest.mark.parametrize(
    ("mode", "shown"), [("always", True), ("after_vote", True), ("after_close", False), ("operators", False)]
)
async def test_vote_seq_is_omitted_if_totals_are_hidden(service: Service, mode: str, shown: bool) -> None:
    poll = await service.create_poll(results=mode)
    body = (await service.vote(poll["id"], "rice", await service.voter())).json()
    assert ("seq" in body) is shown
    assert body["status"] == "counted"


async def test_own_vote_returns_the_current_choice_or_404(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    path = f"/v1/polls/{poll['id']}/votes/mine"
    before = await service.http.get(path, headers=bearer(token))
    assert (before.status_code, before.json()["type"]) == (404, "/problems/vote-not-found")
    vote = (await service.vote(poll["id"], "yam", token)).json()
    mine = await service.http.get(path, headers=bearer(token))
    assert mine.status_code == 200
    assert mine.headers["cache-control"] == "private, no-store"
    assert mine.json() == {name: vote[name] for name in ("poll", "choice", "at", "revision")}
    head = await service.http.head(path, headers=bearer(token))
    assert (head.status_code, head.content) == (200, b"")


async def test_withdraw_then_vote_again_raises_the_revision(service: Service) -> None:
    poll = await service.create_poll(revote="withdraw")
    token = await service.voter()
    path = f"/v1/polls/{poll['id']}/votes/mine"
    await service.vote(poll["id"], "rice", token)
    deleted = await service.http.delete(path, headers=bearer(token))
    assert deleted.status_code == 200
    assert (deleted.json()["status"], deleted.json()["choice"], deleted.json()["revision"]) == (
        "withdrawn",
        None,
        2,
    )
    assert (await service.http.delete(path, headers=bearer(token))).json() == deleted.json()
    assert (await service.http.get(path, headers=bearer(token))).status_code == 404
    assert (await totals(service, poll["id"]))["voters"] == 0
    again = (await service.vote(poll["id"], "rice", token)).json()
    assert (again["status"], again["revision"]) == ("counted", 3)


@pytest.mark.parametrize(
    ("revote", "closed", "query", "expected"),
    [
        ("change", False, "", (409, "already-voted")),
        ("never", False, "", (409, "already-voted")),
        ("withdraw", True, "", (403, "poll-closed")),
        ("withdraw", False, "?revision=7", (409, "stale-revision")),
        ("withdraw", False, "?revision=x", (422, "invalid-choice")),
        ("withdraw", False, "?revision=", (422, "invalid-choice")),
        ("withdraw", False, "?revision=1&revision=2", (422, "invalid-choice")),
        ("withdraw", False, "?revision=16777215", (422, "invalid-choice")),
    ],
)
async def test_withdraw_not_allowed_keeps_the_vote(
    service: Service, revote: str, closed: bool, query: str, expected: tuple[int, str]
) -> None:
    poll = await service.create_poll(revote=revote)
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    if closed:
        await service.act(poll["id"], "close")
    refused = await service.http.delete(f"/v1/polls/{poll['id']}/votes/mine{query}", headers=bearer(token))
    status, slug = expected
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{slug}")
    assert (await totals(service, poll["id"]))["voters"] == 1


async def test_withdraw_without_a_vote_returns_404(service: Service) -> None:
    poll = await service.create_poll(revote="withdraw")
    path = f"/v1/polls/{poll['id']}/votes/mine"
    refused = await service.http.delete(path, headers=bearer(await service.voter()))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/vote-not-found")


async def receipt_says(service: Service, poll: str, receipt: str) -> httpx.Response:
    """Return the service's verification of a receipt."""
    return await service.http.post(f"/v1/polls/{poll}/receipts", json={"receipt": receipt})


async def test_receipt_is_counted_until_the_vote_changes(service: Service) -> None:
    poll = await service.create_poll(revote="change")
    token = await service.voter()
    vote = (await service.vote(poll["id"], "rice", token)).json()
    shown = await receipt_says(service, poll["id"], vote["receipt"])
    assert shown.status_code == 200
    assert shown.json() == {"valid": True, "counted": True, "choice": "rice", "at": vote["at"]}
    await service.vote(poll["id"], "yam", token)
    shown = await receipt_says(service, poll["id"], vote["receipt"])
    assert shown.json() == {
        "valid": True,
        "counted": False,
        "choice": "rice",
        "at": vote["at"],
        "reason": "replaced",
    }


async def test_receipt_of_an_unchanged_vote_is_equivalent(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    first = (await service.vote(poll["id"], "rice", token)).json()
    again = (await service.vote(poll["id"], "rice", token)).json()
    assert again["receipt"] == first["receipt"]


async def test_receipt_of_another_poll_returns_422(service: Service) -> None:
    poll, other = await service.create_poll(), await service.create_poll()
    receipt = (await service.vote(other["id"], "rice", await service.voter())).json()["receipt"]
    for text in (receipt, receipt[:-4] + "AAAA", "", "é", "A" * 1000):
        refused = await receipt_says(service, poll["id"], text)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/receipt-invalid")


async def test_vote_open_poll_counts_every_vote_without_a_token(service: Service) -> None:
    poll = await service.create_poll(identity="open")
    votes = [(await service.vote(poll["id"], "rice")).json() for _ in range(3)]
    assert [vote["status"] for vote in votes] == ["counted"] * 3
    assert (await totals(service, poll["id"]))["voters"] == 3
    shown = await receipt_says(service, poll["id"], votes[1]["receipt"])
    assert shown.json()["counted"] is True


async def test_vote_open_poll_idempotency_key_makes_a_retry_safe(service: Service) -> None:
    poll = await service.create_poll(identity="open")
    path = f"/v1/polls/{poll['id']}/votes"

    async def vote(choice: str, key: str) -> httpx.Response:
        return await service.http.post(path, json={"choice": choice}, headers={"Idempotency-Key": key})

    assert (await vote("rice", "k1")).json()["status"] == "counted"
    assert (await vote("rice", "k1")).json()["status"] == "unchanged"
    reused = await vote("yam", "k1")
    assert (reused.status_code, reused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await vote("yam", "k2")).json()["status"] == "counted"
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 1, "yam": 1}
    mine = await service.http.get(f"{path}/mine", headers={"Idempotency-Key": "k1"})
    assert mine.json()["choice"] == "rice"
    assert (await service.http.get(f"{path}/mine")).status_code == 404


async def test_vote_device_poll_ignores_the_idempotency_key(service: Service) -> None:
    poll = await service.create_poll()
    for _ in range(2):
        headers = {"Idempotency-Key": "same", **bearer(await service.voter())}
        path = f"/v1/polls/{poll['id']}/votes"
        answer = await service.http.post(path, json={"choice": "rice"}, headers=headers)
        assert answer.json()["status"] == "counted"
    assert (await totals(service, poll["id"]))["voters"] == 2


async def test_vote_for_an_option_just_added_is_counted(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "rice", await service.voter())  # the poll is cached from now on
    options = [*poll["options"], {"id": "plantain", "label": "Plantain"}]
    edited = await service.admin.patch(f"/v1/admin/polls/{poll['id']}", json={"options": options})
    assert edited.status_code == 200, edited.text
    assert (await service.vote(poll["id"], "plantain", token)).json()["status"] == "counted"


async def test_vote_recreated_poll_does_not_know_old_votes(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "yam", token)
    deleted = await service.admin.request(
        "DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]}
    )
    assert deleted.status_code == 204, deleted.text
    assert (await service.vote(poll["id"], "rice", token)).status_code == 404
    await service.create_poll(id=poll["id"], options=[{"id": i, "label": i} for i in ("yam", "rice")])
    body = (await service.vote(poll["id"], "yam", token)).json()
    assert (body["status"], body["choice"]) == ("counted", "yam")
    assert (await totals(service, poll["id"]))["counts"] == {"yam": 1, "rice": 0}


async def test_vote_client_disconnecting_counts_once(service: Service) -> None:
    poll = await service.create_poll()
    token = await service.voter()
    host, port = service.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = b'{"choice":"rice"}'
    head = (
        f"POST /v1/polls/{poll['id']}/votes HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    writer.transport.abort()

    async def is_counted() -> bool:
        return bool((await totals(service, poll["id"]))["voters"] == 1)

    await until(is_counted)
    assert (await service.vote(poll["id"], "rice", token)).json()["status"] == "unchanged"
    assert (await totals(service, poll["id"]))["voters"] == 1
