"""Network tags: polls that store them let operators remove one network's votes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import Serve, Service
from tests.api.test_purges import matches, results

FLOOD, QUIET = "198.51.100.7", "203.0.113.9"


async def vote_from(service: Service, poll: str, address: str, choice: str, token: str | None = None) -> None:
    """Send a vote through the proxy with this client address."""
    token = token or await service.voter()
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
    answer = await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": choice}, headers=headers)
    assert answer.status_code == 200


async def report_of(service: Service, poll: str) -> dict[str, Any]:
    """Return the report of unusual voting patterns."""
    report: dict[str, Any] = (await service.admin.get(f"/v1/admin/polls/{poll}/report")).json()
    return report


async def stuffed(service: Service) -> str:
    """Create a poll in which one network has six of nine votes, all with the same choice."""
    poll = str((await service.create_poll(network_tags=True, revote="change"))["id"])
    for _ in range(6):
        await vote_from(service, poll, FLOOD, "yam")
    for choice in ("rice", "rice", "yam"):
        await vote_from(service, poll, QUIET, choice)
    return poll


async def test_report_lists_networks_and_purge_removes_one(serve: Serve) -> None:
    """Check the shares by network, that a purge removes the tagged votes only, and the audit log."""
    async with serve(trusted_proxies=("127.0.0.1",)) as service:
        poll = await stuffed(service)
        flood, quiet = (await report_of(service, poll))["tags"]
        assert (flood["votes"], flood["share"], flood["choice"]) == (6, 0.6667, "yam")
        assert (flood["choice_share"], flood["share_elsewhere"]) == (1.0, 0.3333)
        assert 1 <= flood["votes_in_minute"] <= 6
        assert (quiet["votes"], quiet["choice"], quiet["choice_share"]) == (3, "rice", 0.6667)
        body = {"tag": flood["tag"], "confirm": poll}
        purged = await service.admin.post(f"/v1/admin/polls/{poll}/purge", json=body)
        assert (purged.status_code, purged.json()) == (200, {"purged": 6})
        now = await results(service, poll)
        assert (now["voters"], now["counts"], now["seq"]) == (3, {"rice": 2, "yam": 1}, 15)
        assert await matches(service, poll)
        assert [tag["tag"] for tag in (await report_of(service, poll))["tags"]] == [quiet["tag"]]
        (done, begun) = (await service.admin.get(f"/v1/admin/polls/{poll}/audit")).json()["items"][:2]
        assert (done["act"], done["after"]["tag"], done["after"]["purged"]) == ("purge", flood["tag"], 6)
        assert (begun["after"]["tag"], "from" in begun["after"]) == (flood["tag"], False)


async def test_network_tags_differ_between_polls(serve: Serve) -> None:
    """Check that the same network has different tags in different polls."""
    async with serve(trusted_proxies=("127.0.0.1",)) as service:
        polls = [await stuffed(service) for _ in range(2)]
        tags = [{tag["tag"] for tag in (await report_of(service, poll))["tags"]} for poll in polls]
        assert len(tags[0] | tags[1]) == 4


@pytest.mark.parametrize("export_format", ["csv", "ndjson"])
async def test_export_has_tags_if_the_poll_has(serve: Serve, export_format: str) -> None:
    """Check that exports have the report's tags as a column, and polls without tags have none."""
    async with serve(trusted_proxies=("127.0.0.1",)) as service:
        poll = await stuffed(service)
        tags = [tag["tag"] for tag in (await report_of(service, poll))["tags"]]
        export = await service.admin.get(f"/v1/admin/polls/{poll}/export", params={"format": export_format})
        assert [export.text.count(tag) for tag in tags] == [6, 3]
        plain = (await service.create_poll())["id"]
        await vote_from(service, plain, QUIET, "rice")
        export = await service.admin.get(f"/v1/admin/polls/{plain}/export", params={"format": export_format})
        assert "tag" not in export.text
        assert (await report_of(service, plain))["tags"] is None


@pytest.mark.parametrize("body", [{"tag": "flood"}, {"tag": "ABCDEF00"}, {"tag": 7}, {"tag": None}])
async def test_purge_invalid_tag_returns_422_with_the_field(
    service: Service, body: dict[str, object]
) -> None:
    """Check that an invalid tag is 422 with the field."""
    poll = (await service.create_poll(network_tags=True))["id"]
    answer = await purged(service, poll, body)
    assert (answer.status_code, answer.json()["field"]) == (422, "tag")


@pytest.mark.parametrize(("body", "field"), [({}, "from"), ({"from": "2024-01-01T00:00:00Z"}, "to")])
async def test_purge_without_span_and_tag_returns_422(
    service: Service, body: dict[str, object], field: str
) -> None:
    """Check that a request without span and tag, or with half a span, is 422 with the missing field."""
    poll = (await service.create_poll(network_tags=True))["id"]
    answer = await purged(service, poll, body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_edit_network_tags_after_votes_returns_409(service: Service) -> None:
    """Check that tags can be enabled before the first vote only, so voters know what is stored."""
    poll = (await service.create_poll())["id"]
    address = f"/v1/admin/polls/{poll}"
    assert (await service.admin.patch(address, json={"network_tags": True})).json()["network_tags"]
    await service.vote(poll, "rice", await service.voter())
    refused = await service.admin.patch(address, json={"network_tags": False})
    assert (refused.status_code, refused.json()["field"]) == (409, "network_tags")
    assert (await report_of(service, poll))["tags"][0]["votes"] == 1


async def purged(service: Service, poll: str, body: dict[str, object]) -> httpx.Response:
    """Purge the poll and return the response."""
    return await service.admin.post(f"/v1/admin/polls/{poll}/purge", json={"confirm": poll} | body)
