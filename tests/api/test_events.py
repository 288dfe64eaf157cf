"""Server-sent events."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.streams import apart_from_time, events_at, results


async def test_an_event_stream_begins_with_the_whole(service: Service) -> None:
    """Headers, ``retry``, and one event with the position as its id and the results as its data."""
    poll = await service.create_poll()
    await service.vote(poll["id"], "yam", await service.voter())
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        said = await events.results()
        assert apart_from_time(said) == apart_from_time(await results(service, poll))
        assert events.fields["event"] == "results"
        assert events.fields["id"] == f"{poll['id']}-{said['epoch']}-{said['seq']}"
        assert events.retry_ms is not None
        headers = events.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-accel-buffering"] == "no"


async def test_changes_follow(service: Service) -> None:
    """A vote and a close arrive as further events."""
    poll = await service.create_poll()
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        await events.results()
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await events.results())["voters"] == 1
        await service.act(poll["id"], "close")
        assert (await events.results())["final"] is True


async def test_many_polls_come_on_one_stream(service: Service) -> None:
    """Each poll named begins with its whole results; one that does not exist is told in the stream."""
    polls = [(await service.create_poll())["id"] for _ in range(3)]
    query = "&".join(f"poll={name}" for name in (*polls, "nowhere", polls[0]))
    async with events_at(service, f"/v1/events?{query}") as events:
        said = await events.next()
        assert (said["type"], said["status"], said["poll"]) == ("problem", 404, "nowhere")
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
async def test_streams_of_nothing_are_refused(service: Service, path: str, status: int, slug: str) -> None:
    """Where there is nothing to watch the answer is a problem and no stream."""
    answer = await service.http.get(path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


async def test_a_deleted_poll_ends_its_own_stream(service: Service) -> None:
    """The reader is told, and the stream ends."""
    poll = await service.create_poll()
    async with events_at(service, f"/v1/polls/{poll['id']}/events") as events:
        await events.results()
        await service.admin.request("DELETE", f"/v1/admin/polls/{poll['id']}", json={"confirm": poll["id"]})
        said = await events.next()
        assert (said["type"], said["status"], said["poll"]) == ("problem", 404, poll["id"])
        with pytest.raises(EOFError):
            await events.next()


async def test_a_deleted_poll_leaves_the_stream_to_the_others(service: Service) -> None:
    """With another poll on the stream, it goes on."""
    doomed, stays = await service.create_poll(), await service.create_poll()
    async with events_at(service, f"/v1/events?poll={doomed['id']}&poll={stays['id']}") as events:
        await events.results()
        await events.results()
        await service.admin.request(
            "DELETE", f"/v1/admin/polls/{doomed['id']}", json={"confirm": doomed["id"]}
        )
        assert (await events.next())["poll"] == doomed["id"]
        await service.vote(stays["id"], "rice", await service.voter())
        assert (await events.results())["poll"] == stays["id"]


async def test_pages_of_other_sites_get_no_cors_headers(service: Service) -> None:
    """A foreign page's browser is not let read the stream; the service's own page is."""
    poll = await service.create_poll()
    for origin, allowed in (("https://other.example", None), (service.url, service.url)):
        async with events_at(service, f"/v1/polls/{poll['id']}/events", headers={"Origin": origin}) as events:
            assert events.response.headers.get("access-control-allow-origin") == allowed
