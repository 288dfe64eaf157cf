"""Server-sent events."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.streams import events_at, results, without_timestamp


async def test_stream_starts_with_retry_and_complete_results(service: Service) -> None:
    poll = await service.create_poll()
    await service.vote(poll["id"], "yam", await service.voter())
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        message = await events.results()
        assert without_timestamp(message) == without_timestamp(await results(service, poll))
        assert events.fields["event"] == "results"
        assert events.fields["id"] == f"{poll['id']}-{message['epoch']}-{message['seq']}"
        assert events.retry_ms is not None
        headers = events.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-accel-buffering"] == "no"


async def test_vote_and_close_arrive_as_events(service: Service) -> None:
    poll = await service.create_poll()
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        await events.results()
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await events.results())["voters"] == 1
        await service.act(poll["id"], "close")
        assert (await events.results())["final"] is True


async def test_multi_poll_stream_reports_unknown_poll_as_problem(service: Service) -> None:
    polls = [(await service.create_poll())["id"] for _ in range(3)]
    query = "&".join(f"poll={name}" for name in (*polls, "nowhere", polls[0]))
    async with events_at(service, f"/v1/events?{query}") as events:
        message = await events.next()
        assert (message["type"], message["status"], message["poll"]) == ("problem", 404, "nowhere")
        assert events.fields["event"] == "problem"
        assert {(await events.results())["poll"] for _ in polls} == set(polls)
        await service.vote(polls[1], "rice", await service.voter())
        assert (await events.results())["poll"] == polls[1]


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/v1/polls/nowhere/events", 404, "poll-not-found"),
        ("/v1/events?poll=nowhere", 404, "poll-not-found"),
        ("/v1/events?poll=nowhere&poll=neither", 404, "poll-not-found"),
        ("/v1/events", 422, "invalid-poll"),
        ("/v1/events?" + "&".join(f"poll=p{number}" for number in range(101)), 422, "invalid-poll"),
    ],
)
async def test_stream_without_readable_poll_returns_problem(
    service: Service, path: str, status: int, slug: str
) -> None:
    response = await service.http.get(path)
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")


async def test_deleted_poll_ends_its_own_stream(service: Service) -> None:
    poll = await service.create_poll()
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        await events.results()
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]})
        message = await events.next()
        assert (message["type"], message["status"], message["poll"]) == ("problem", 404, poll["id"])
        with pytest.raises(EOFError):
            await events.next()


async def test_deleted_poll_leaves_other_polls_on_stream(service: Service) -> None:
    deleted, remaining = await service.create_poll(), await service.create_poll()
    async with events_at(service, f"/v1/events?poll={deleted['id']}&poll={remaining['id']}") as events:
        await events.results()
        await events.results()
        await service.admin.request(
            "DELETE", f"/v1/admin/polls/{deleted['id']}", json={"confirm": deleted["id"]}
        )
        assert (await events.next())["poll"] == deleted["id"]
        await service.vote(remaining["id"], "rice", await service.voter())
        assert (await events.results())["poll"] == remaining["id"]


async def test_foreign_origin_gets_no_cors_headers(service: Service) -> None:
    poll = await service.create_poll()
    for origin, allowed in (("https://other.example", None), (service.url, service.url)):
        async with events_at(service, f"/v1/polls/{poll['id']}/events", headers={"Origin": origin}) as events:
            assert events.response.headers.get("access-control-allow-origin") == allowed
