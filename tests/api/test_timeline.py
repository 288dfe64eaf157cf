"""Timelines over HTTP: who may see them, what caches are told, and what they say."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.api.conftest import Service

KINDS: list[tuple[dict[str, object], object, dict[str, int]]] = [
    ({}, "yam", {"rice": 0, "yam": 1}),
    ({"kind": "multiple"}, ["yam", "rice"], {"rice": 1, "yam": 1}),
    ({"kind": "rating", "options": [], "scale": {"min": 1, "max": 3}}, 2, {"1": 0, "2": 1, "3": 0}),
    ({"kind": "ranked"}, ["yam", "rice"], {"rice": 0, "yam": 1}),
]


@pytest.mark.parametrize(("poll_is", "choice", "counts"), KINDS, ids=lambda value: str(value)[:20])
async def test_every_kind_has_a_timeline(
    service: Service, poll_is: dict[str, object], choice: object, counts: dict[str, int]
) -> None:
    """From nothing to the results, in their words, with times that rise; the same for operators."""
    poll = (await service.create_poll(**poll_is))["id"]
    assert (await service.http.get(f"/v1/polls/{poll}/timeline")).json() == {"points": []}
    assert (await service.vote(poll, choice, await service.voter())).status_code == 200
    points = (await service.http.get(f"/v1/polls/{poll}/timeline")).json()["points"]
    assert [(point["voters"], point["counts"]) for point in points] == [
        (0, dict.fromkeys(counts, 0)),
        (1, counts),
    ]
    assert all(before["at"] < after["at"] for before, after in pairwise(points))
    operators = await service.admin.get(f"/v1/admin/polls/{poll}/timeline")
    assert [point["counts"] for point in operators.json()["points"]] == [point["counts"] for point in points]
    assert operators.headers["cache-control"] == "private, no-store"


async def test_public_timelines_are_validated_by_their_tag(service: Service) -> None:
    """The same totals answer 304 to their tag, with the headers of results; a vote makes another."""
    poll = (await service.create_poll(identity="open"))["id"]
    await service.vote(poll, "rice")
    url = f"/v1/polls/{poll}/timeline"
    first = await service.http.get(url)
    assert first.headers["cache-control"] == "public, max-age=0"
    again = await service.http.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await service.vote(poll, "rice")
    changed = await service.http.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["points"][-1]["voters"]) == (200, 2)


@pytest.mark.parametrize("mode", ["after_vote", "after_close", "operators"])
async def test_hidden_totals_have_a_hidden_timeline(service: Service, mode: str) -> None:
    """Who may not see totals gets 403 with the mode; who may, by vote, ticket, close or key, gets them."""
    poll, token = (await service.create_poll(results=mode))["id"], await service.voter()
    url, bearer = f"/v1/polls/{poll}/timeline", {"Authorization": f"Bearer {token}"}
    await service.vote(poll, "rice", token)
    hidden = await service.http.get(url)
    assert (hidden.status_code, hidden.json()["type"]) == (403, "/problems/results-hidden")
    assert hidden.json()["mode"] == mode
    ticket = (await service.http.post("/v1/tickets", headers=bearer)).json()["ticket"]
    may = 200 if mode == "after_vote" else 403
    assert (await service.http.get(url, headers=bearer)).status_code == may
    assert (await service.http.get(url, params={"ticket": ticket})).status_code == may
    by_key = await service.http.get(url, headers=dict(service.admin.headers))
    assert (by_key.status_code, by_key.headers["cache-control"]) == (200, "private, no-store")
    await service.act(poll, "close")
    assert (await service.http.get(url)).status_code == (403 if mode == "operators" else 200)


async def test_what_has_no_timeline(service: Service) -> None:
    """An unknown poll and one whose hour has not come are 404, other methods 405, no key 401."""
    poll = (await service.create_poll(visible_at="2099-01-01T00:00:00Z"))["id"]
    for unknown in (poll, "nowhere", "NOWHERE"):
        answer = await service.http.get(f"/v1/polls/{unknown}/timeline")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/poll-not-found")
    assert (await service.admin.get(f"/v1/admin/polls/{poll}/timeline")).status_code == 200
    assert (await service.http.get(f"/v1/admin/polls/{poll}/timeline")).status_code == 401
    public = (await service.create_poll())["id"]
    assert (await service.http.post(f"/v1/polls/{public}/timeline")).status_code == 405


async def test_an_archived_poll_keeps_its_timeline(service: Service) -> None:
    """What was counted is told as before once the votes are destroyed, and a reset tells nothing."""
    poll = (await service.create_poll())["id"]
    await service.vote(poll, "rice", await service.voter())
    await service.act(poll, "cancel")
    await service.act(poll, "archive")
    points = (await service.http.get(f"/v1/polls/{poll}/timeline")).json()["points"]
    assert points[-1]["counts"] == {"rice": 1, "yam": 0}
    other = (await service.create_poll())["id"]
    await service.vote(other, "rice", await service.voter())
    await service.act(other, "reset", confirm=other)
    assert (await service.http.get(f"/v1/polls/{other}/timeline")).json() == {"points": []}
