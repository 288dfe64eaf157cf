"""Purges: exactly the votes of a time span are removed, and totals are exact at every moment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import Service
from tests.wait import until

FAR = "2100-01-01T00:00:00Z"


async def purge(service: Service, poll: str, **body: object) -> httpx.Response:
    """Purge a poll, by default all its votes, and return the response."""
    all_time = {"from": "2020-01-01T00:00:00Z", "to": FAR, "confirm": poll}
    return await service.admin.post(f"/v1/admin/polls/{poll}/purge", json=all_time | body)


async def results(service: Service, poll: str) -> dict[str, Any]:
    """Return the totals as operators read them."""
    answer: dict[str, Any] = (await service.admin.get(f"/v1/admin/polls/{poll}/results")).json()
    return answer


async def matches(service: Service, poll: str) -> bool:
    """Return True if a recount of the ballots equals the totals."""
    answer = (await service.admin.post(f"/v1/admin/polls/{poll}/recount")).json()
    return bool(answer["matches"])


async def voted(service: Service, poll: str, count: int, choice: object = "rice") -> list[dict[str, Any]]:
    """Vote as ``count`` new voters and return the responses."""
    tokens = [await service.voter() for _ in range(count)]
    answers = await asyncio.gather(*(service.vote(poll, choice, token) for token in tokens))
    return [answer.json() | {"token": token} for answer, token in zip(answers, tokens, strict=True)]


def after(answers: list[dict[str, Any]]) -> str:
    """Return an instant after all of these votes."""
    last = max(datetime.fromisoformat(answer["at"]) for answer in answers)
    return (last + timedelta(milliseconds=1)).astimezone(UTC).isoformat()


async def test_purge_removes_votes_of_its_span_only(service: Service) -> None:
    """Check that votes outside the span stay, that counts, voters and seq agree, and the recount matches."""
    poll = (await service.create_poll(revote="withdraw"))["id"]
    early = await voted(service, poll, 5)
    begin = after(early)
    await until(lambda: datetime.now(UTC) > datetime.fromisoformat(begin))
    wrong = await voted(service, poll, 7, "yam")
    end = after(wrong)
    await until(lambda: datetime.now(UTC) > datetime.fromisoformat(end))
    await voted(service, poll, 3, "yam")
    before = await results(service, poll)
    answer = await purge(service, poll, **{"from": begin, "to": end})
    assert (answer.status_code, answer.json()) == (200, {"purged": 7})
    now = await results(service, poll)
    assert (now["voters"], now["counts"]) == (8, {"rice": 5, "yam": 3})
    assert (now["seq"], now["epoch"]) == (before["seq"] + 7, before["epoch"])
    assert await matches(service, poll)
    assert (await purge(service, poll, **{"from": begin, "to": end})).json() == {"purged": 0}
    token = wrong[0]["token"]
    mine = await service.http.get(
        f"/v1/polls/{poll}/votes/mine", headers={"Authorization": f"Bearer {token}"}
    )
    assert mine.status_code == 404
    late = await service.vote(poll, "yam", token, revision=1)
    assert late.json()["type"] == "/problems/stale-revision", "a late retry stays late"


async def test_purge_with_concurrent_votes_keeps_totals_exact(service: Service) -> None:
    """Check that concurrent votes count, and that the options' sum always equals the number of voters."""
    poll = (await service.create_poll(identity="open"))["id"]
    await asyncio.gather(*(service.vote(poll, "rice") for _ in range(300)))
    purging = asyncio.create_task(purge(service, poll))
    readings = []
    while not purging.done():
        assert (await service.vote(poll, "yam")).status_code == 200
        readings.append(await results(service, poll))
    assert (await purging).status_code == 200
    readings.append(await results(service, poll))
    assert all(sum(reading["counts"].values()) == reading["voters"] for reading in readings)
    assert [reading["seq"] for reading in readings] == sorted(reading["seq"] for reading in readings)
    assert readings[-1]["counts"]["rice"] == 0
    assert await matches(service, poll)


@pytest.mark.parametrize(
    ("kind", "choices"), [("multiple", [["rice"], ["rice", "yam"]]), ("ranked", [["yam", "rice"], ["rice"]])]
)
async def test_purge_removes_votes_of_every_kind(service: Service, kind: str, choices: list[Any]) -> None:
    """Check that multiple choices and rankings are removed with their ballots, and counts are zero."""
    poll = (await service.create_poll(kind=kind))["id"]
    for choice in choices:
        await voted(service, poll, 3, choice)
    assert (await purge(service, poll)).json() == {"purged": 6}
    now = await results(service, poll)
    assert (now["voters"], set(now["counts"].values())) == (0, {0})
    assert await matches(service, poll)


async def test_purge_is_in_the_audit_log(service: Service) -> None:
    """Check that the audit log has the operator, the span, and the number of removed votes."""
    poll = (await service.create_poll())["id"]
    await voted(service, poll, 2)
    await purge(service, poll)
    items = (await service.admin.get(f"/v1/admin/polls/{poll}/audit")).json()["items"]
    done, begun = [item for item in items if item["act"] == "purge"]
    assert done["after"]["purged"] == 2
    assert begun["after"]["from"] == "2020-01-01T00:00:00.000Z"
    assert done["by"] == begun["by"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"confirm": "another"}, "confirm"),
        ({"to": "2019-01-01T00:00:00Z"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2024-01-01T00:00:00"}, "from"),
        ({"tag": "x"}, "tag"),
        ({"to": None}, "to"),
    ],
)
async def test_purge_invalid_span_returns_422_with_the_field(
    service: Service, body: dict[str, object], field: str
) -> None:
    """Check that an invalid request is 422 with the field and removes no vote."""
    poll = (await service.create_poll())["id"]
    await voted(service, poll, 1)
    answer = await purge(service, poll, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await results(service, poll))["voters"] == 1


async def test_purge_archived_poll_is_rejected(service: Service) -> None:
    """Check that an archived poll keeps its results, and that a request without a key is 401."""
    poll = (await service.create_poll())["id"]
    await voted(service, poll, 1)
    refused = await service.http.post(f"/v1/admin/polls/{poll}/purge", json={})
    assert refused.status_code == 401
    for act in ("close", "archive"):
        await service.act(poll, act)
    assert (await purge(service, poll)).json()["type"] == "/problems/phase-conflict"
    assert (await results(service, poll))["voters"] == 1


async def test_purge_with_span_of_report_removes_the_burst(service: Service) -> None:
    """Check that a purge with the span of a reported burst removes exactly the votes of the burst."""
    poll = (await service.create_poll())["id"]
    record = await service.store.polls.get(poll)
    client, base = service.store.connection.client, 1_750_000_020_000
    await voted(service, poll, 35)
    place = 0
    for bucket in record.keys[2:18]:  # move three votes to quiet minutes, all others to one minute
        for name, value in (await client.hgetall(bucket)).items():
            at = base + 60_000 * min(2 * place, 6)
            await client.hset(bucket, name, value[:3] + at.to_bytes(6, "big") + value[9:])
            place += 1
    report = (await service.admin.get(f"/v1/admin/polls/{poll}/report")).json()
    assert report["votes"] == 35
    (burst,) = report["bursts"]
    assert (burst["votes"], burst["choice"], burst["share"]) == (32, "rice", 1.0)
    purged = (await purge(service, poll, **{"from": burst["from"], "to": burst["to"]})).json()
    assert purged == {"purged": burst["votes"]}
    assert (await service.http.get(f"/v1/admin/polls/{poll}/report")).status_code == 401
