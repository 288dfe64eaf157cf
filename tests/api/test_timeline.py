"""Timelines over HTTP: access, cache headers, content."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pollwire_server.store.keys import TIMELINE

from tests.api.conftest import Service

KINDS: list[tuple[dict[str, object], object, dict[str, int]]] = [
    ({}, "yam", {"rice": 0, "yam": 1}),
    ({"kind": "multiple"}, ["yam", "rice"], {"rice": 1, "yam": 1}),
    ({"kind": "rating", "options": [], "scale": {"min": 1, "max": 3}}, 2, {"1": 0, "2": 1, "3": 0}),
    ({"kind": "ranked"}, ["yam", "rice"], {"rice": 0, "yam": 1}),
]


@pytest.mark.parametrize(("poll_is", "choice", "counts"), KINDS, ids=lambda value: str(value)[:20])
async def test_timeline_of_every_kind_ends_with_results(
    service: Service, poll_is: dict[str, object], choice: object, counts: dict[str, int]
) -> None:
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


async def test_public_timeline_answers_304_to_matching_etag(service: Service) -> None:
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
async def test_timeline_returns_403_while_totals_are_hidden(service: Service, mode: str) -> None:
    poll, token = (await service.create_poll(results=mode))["id"], await service.voter()
    url, bearer = f"/v1/polls/{poll}/timeline", {"Authorization": f"Bearer {token}"}
    await service.vote(poll, "rice", token)
    hidden = await service.http.get(url)
    assert (hidden.status_code, hidden.json()["type"]) == (403, "/problems/results-hidden")
    assert hidden.json()["mode"] == mode
    ticket = (await service.http.post("/v1/tickets", headers=bearer)).json()["ticket"]
    expected_status = 200 if mode == "after_vote" else 403
    assert (await service.http.get(url, headers=bearer)).status_code == expected_status
    assert (await service.http.get(url, params={"ticket": ticket})).status_code == expected_status
    by_key = await service.http.get(url, headers=dict(service.admin.headers))
    assert (by_key.status_code, by_key.headers["cache-control"]) == (200, "private, no-store")
    await service.act(poll, "close")
    assert (await service.http.get(url)).status_code == (403 if mode == "operators" else 200)


async def test_timeline_of_unknown_or_invisible_poll_returns_404(service: Service) -> None:
    poll = (await service.create_poll(visible_at="2099-01-01T00:00:00Z"))["id"]
    for unknown in (poll, "nowhere", "NOWHERE"):
        answer = await service.http.get(f"/v1/polls/{unknown}/timeline")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/poll-not-found")
    assert (await service.admin.get(f"/v1/admin/polls/{poll}/timeline")).status_code == 200
    assert (await service.http.get(f"/v1/admin/polls/{poll}/timeline")).status_code == 401
    public = (await service.create_poll())["id"]
    assert (await service.http.post(f"/v1/polls/{public}/timeline")).status_code == 405


async def test_archived_poll_keeps_timeline_and_reset_clears_it(service: Service) -> None:
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


async def test_timeline_has_at_most_the_points_of_the_query(service: Service) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    url = f"/v1/polls/{poll}/timeline"
    await fill_timeline(service, poll, 300)
    every = (await service.http.get(url)).json()["points"]
    few = (await service.http.get(url, params={"points": 20})).json()["points"]
    assert (len(every), len(few)) == (301, 20)
    assert (few[0]["at"], few[-1]["voters"]) == (every[0]["at"], every[-1]["voters"])
    for wrong in ("1", "0", "-5", "2001", "9" * 99, "x", "", "٣٣"):
        answer = await service.http.get(url, params={"points": wrong})
        assert (answer.status_code, answer.json()["field"]) == (422, "points")
    assert (await service.http.get("/v1/polls/nowhere/timeline?points=x")).status_code == 404


async def test_timeline_is_compressed_for_clients_that_accept_it(service: Service) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    url = f"/v1/polls/{poll}/timeline"
    short = await service.http.get(url, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers
    await fill_timeline(service, poll, 300)
    packed = await service.http.get(url, headers={"Accept-Encoding": "gzip"})
    plain = await service.http.get(url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["points"][:-1] == plain.json()["points"][:-1]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 5
    assert packed.headers["etag"] == plain.headers["etag"]
    for answer in (packed, plain):
        assert "Accept-Encoding" in answer.headers.get_list("vary", split_commas=True)


async def fill_timeline(service: Service, poll: str, points: int) -> None:
    """Store a vote and this many points of earlier totals."""
    record = await service.store.polls.get(poll)
    await service.vote(poll, "rice")
    client, key = service.store.connection.client, record.keys[TIMELINE]
    (first,) = await client.lrange(key, 0, -1)
    at = int.from_bytes(first[:6], "big")
    await client.delete(key)
    stored = [(at - 1000 * age).to_bytes(6, "big") + first[6:] for age in reversed(range(points))]
    await client.rpush(key, *stored)
