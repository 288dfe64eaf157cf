"""Votes over HTTP: counted once, changed, read, taken back, and proved by receipts."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import pytest
from pollwire_server.domain.window import parse_instant

from tests.api.conftest import Service
from tests.wait import until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def bearer(token: str) -> dict[str, str]:
    """The header that carries a voter's token."""
    return {"Authorization": f"Bearer {token}"}


async def totals(service: Service, poll: str) -> dict[str, Any]:
    """What a fresh read of the poll says."""
    answer = await service.admin.get(f"/v1/admin/polls/{poll}/results")
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


async def test_a_vote_is_answered_with_all_that_the_voter_may_know(service: Service) -> None:
    """A counted vote tells choice, instant, revision, ``seq`` and a receipt, for this voter's eyes only."""
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
    assert abs(parse_instant(body["at"], None, "at") - time.time() * 1000) < 60_000


async def test_the_same_choice_again_is_unchanged_and_counts_once(service: Service) -> None:
    """Retrying is safe: the second answer says what stands, and the totals do not move."""
    poll = await service.create_poll()
    token = await service.voter()
    first = (await service.vote(poll["id"], "rice", token)).json()
    again = await service.vote(poll["id"], "rice", token)
    assert again.status_code == 200
    assert again.json() == first | {"status": "unchanged"}
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 1, "yam": 0}


async def test_a_retry_is_unchanged_even_after_closing(service: Service) -> None:
    """Whoever lost the answer learns after the end that the vote counted."""
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    await service.act(poll["id"], "close")
    again = await service.vote(poll["id"], "rice", token)
    assert (again.status_code, again.json()["status"]) == (200, "unchanged")


async def test_votes_of_one_instant_count_one_by_one(service: Service) -> None:
    """Sixty votes at once, every voter twice, are thirty votes, each with a ``seq`` of its own."""
    poll = await service.create_poll()
    tokens = [await service.voter() for _ in range(30)]
    answers = await asyncio.gather(*(service.vote(poll["id"], "rice", token) for token in tokens * 2))
    bodies = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {200}
    counted = [body["seq"] for body in bodies if body["status"] == "counted"]
    assert sorted(counted) == list(range(1, 31))
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 30, "yam": 0}


async def test_a_choice_may_be_changed_where_the_poll_lets_it(service: Service) -> None:
    """A change moves the vote, grows the revision and leaves one voter."""
    poll = await service.create_poll(revote="change")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    changed = (await service.vote(poll["id"], "yam", token)).json()
    assert (changed["status"], changed["choice"], changed["revision"]) == ("changed", "yam", 2)
    results = await totals(service, poll["id"])
    assert (results["counts"], results["voters"]) == ({"rice": 0, "yam": 1}, 1)


async def test_a_late_retry_cannot_undo_a_newer_choice(service: Service) -> None:
    """A change that names a revision which no longer stands is refused, with the one that does."""
    poll = await service.create_poll(revote="change")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    await service.vote(poll["id"], "yam", token, revision=1)
    late = await service.vote(poll["id"], "rice", token, revision=1)
    assert late.status_code == 409
    assert (late.json()["type"], late.json()["revision"]) == ("/problems/stale-revision", 2)
    assert (await totals(service, poll["id"]))["counts"] == {"rice": 0, "yam": 1}


async def test_several_options_in_any_order_are_one_choice(service: Service) -> None:
    """A multiple choice is order-free: the same set again is ``unchanged``."""
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
async def test_seq_is_told_only_to_whom_totals_are_shown(service: Service, mode: str, shown: bool) -> None:
    """An answer to a vote does not betray how many have voted where totals are hidden from its voter."""
    poll = await service.create_poll(results=mode)
    body = (await service.vote(poll["id"], "rice", await service.voter())).json()
    assert ("seq" in body) is shown
    assert body["status"] == "counted"


async def test_the_standing_choice_can_be_read(service: Service) -> None:
    """``votes/mine`` tells the voter's own vote, and 404 to one who has not voted."""
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


async def test_a_vote_can_be_taken_back_and_cast_anew(service: Service) -> None:
    """Withdrawn, it no longer counts or stands; a repeat answers the same; a new vote grows the revision."""
    poll = await service.create_poll(revote="withdraw")
    token = await service.voter()
    path = f"/v1/polls/{poll['id']}/votes/mine"
    await service.vote(poll["id"], "rice", token)
    gone = await service.http.delete(path, headers=bearer(token))
    assert gone.status_code == 200
    assert (gone.json()["status"], gone.json()["choice"], gone.json()["revision"]) == ("withdrawn", None, 2)
    assert (await service.http.delete(path, headers=bearer(token))).json() == gone.json()
    assert (await service.http.get(path, headers=bearer(token))).status_code == 404
    assert (await totals(service, poll["id"]))["voters"] == 0
    anew = (await service.vote(poll["id"], "rice", token)).json()
    assert (anew["status"], anew["revision"]) == ("counted", 3)


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
async def test_a_vote_that_cannot_be_taken_back_stands(
    service: Service, revote: str, closed: bool, query: str, expected: tuple[int, str]
) -> None:
    """By the poll's policy, after its end, or for another revision, taking back is refused."""
    poll = await service.create_poll(revote=revote)
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    if closed:
        await service.act(poll["id"], "close")
    refused = await service.http.delete(f"/v1/polls/{poll['id']}/votes/mine{query}", headers=bearer(token))
    status, slug = expected
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{slug}")
    assert (await totals(service, poll["id"]))["voters"] == 1


async def test_taking_back_what_was_never_cast_is_404(service: Service) -> None:
    """A voter without a vote is told that none stands."""
    poll = await service.create_poll(revote="withdraw")
    path = f"/v1/polls/{poll['id']}/votes/mine"
    refused = await service.http.delete(path, headers=bearer(await service.voter()))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/vote-not-found")


async def receipt_says(service: Service, poll: str, receipt: str) -> httpx.Response:
    """What the service says of a receipt."""
    return await service.http.post(f"/v1/polls/{poll}/receipts", json={"receipt": receipt})


async def test_a_receipt_proves_the_vote_as_long_as_it_stands(service: Service) -> None:
    """It shows choice and instant, counts while the vote stands, and no longer once another replaced it."""
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


async def test_a_receipt_of_an_unchanged_vote_proves_the_same(service: Service) -> None:
    """Whoever lost the first answer gets a receipt that is as good."""
    poll = await service.create_poll()
    token = await service.voter()
    first = (await service.vote(poll["id"], "rice", token)).json()
    again = (await service.vote(poll["id"], "rice", token)).json()
    assert again["receipt"] == first["receipt"]


async def test_a_receipt_of_another_poll_is_refused(service: Service) -> None:
    """A receipt speaks for its own poll; forged, empty and foreign ones are 422."""
    poll, other = await service.create_poll(), await service.create_poll()
    receipt = (await service.vote(other["id"], "rice", await service.voter())).json()["receipt"]
    for text in (receipt, receipt[:-4] + "AAAA", "", "é", "A" * 1000):
        refused = await receipt_says(service, poll["id"], text)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/receipt-invalid")


async def test_an_open_poll_takes_any_number_of_votes_without_a_token(service: Service) -> None:
    """Nobody is known, so every vote counts, and each has a receipt that proves it."""
    poll = await service.create_poll(identity="open")
    votes = [(await service.vote(poll["id"], "rice")).json() for _ in range(3)]
    assert [vote["status"] for vote in votes] == ["counted"] * 3
    assert (await totals(service, poll["id"]))["voters"] == 3
    shown = await receipt_says(service, poll["id"], votes[1]["receipt"])
    assert shown.json()["counted"] is True


async def test_an_idempotency_key_makes_a_retry_safe_on_an_open_poll(service: Service) -> None:
    """The same key and choice is one vote; with another choice it is refused; another key is another vote."""
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


async def test_a_key_in_a_poll_that_knows_its_voters_means_nothing(service: Service) -> None:
    """In a device poll two voters with the same key are two voters."""
    poll = await service.create_poll()
    for _ in range(2):
        headers = {"Idempotency-Key": "same", **bearer(await service.voter())}
        path = f"/v1/polls/{poll['id']}/votes"
        answer = await service.http.post(path, json={"choice": "rice"}, headers=headers)
        assert answer.json()["status"] == "counted"
    assert (await totals(service, poll["id"]))["voters"] == 2


async def test_an_option_added_a_moment_ago_can_be_voted_for(service: Service) -> None:
    """What an old copy of the poll does not know is looked up before anything is refused."""
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "rice", await service.voter())  # the poll is held from now on
    options = [*poll["options"], {"id": "plantain", "label": "Plantain"}]
    edited = await service.admin.patch(f"/v1/admin/polls/{poll['id']}", json={"options": options})
    assert edited.status_code == 200, edited.text
    assert (await service.vote(poll["id"], "plantain", token)).json()["status"] == "counted"


async def test_a_poll_made_anew_under_an_old_id_is_another_poll(service: Service) -> None:
    """Deleted and created again, it knows nobody's vote, and codes of the old one cannot leak into it."""
    poll = await service.create_poll()
    token = await service.voter()
    await service.vote(poll["id"], "yam", token)
    gone = await service.admin.request(
        "DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]}
    )
    assert gone.status_code == 204, gone.text
    assert (await service.vote(poll["id"], "rice", token)).status_code == 404
    await service.create_poll(id=poll["id"], options=[{"id": i, "label": i} for i in ("yam", "rice")])
    body = (await service.vote(poll["id"], "yam", token)).json()
    assert (body["status"], body["choice"]) == ("counted", "yam")
    assert (await totals(service, poll["id"]))["counts"] == {"yam": 1, "rice": 0}


async def test_a_vote_whose_sender_hangs_up_counts_once(service: Service) -> None:
    """The request is whole, the client is gone before the answer: the vote is counted all the same."""
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
