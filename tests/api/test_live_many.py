"""The socket of many polls."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.streams import apart_from_time, results, socket_at, ticket_of

LIVE = "/v1/live"


async def test_many_polls_come_on_one_socket(service: Service) -> None:
    """Each watched poll begins with its whole results, and its changes follow."""
    polls = [await service.create_poll() for _ in range(3)]
    ids = {poll["id"] for poll in polls}
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=sorted(ids))
        assert {(await socket.results())["poll"] for _ in ids} == ids
        for poll in polls:
            await service.vote(poll["id"], "yam", await service.voter())
            said = await socket.results()
            assert apart_from_time(said) == apart_from_time(await results(service, poll))


async def test_what_is_unwatched_is_silent(service: Service) -> None:
    """After ``unwatch`` votes on that poll send nothing; those on the others still do."""
    quiet, loud = await service.create_poll(), await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=[quiet["id"], loud["id"]])
        await socket.results()
        await socket.results()
        await socket.say(unwatch=[quiet["id"]])
        await socket.say(watch=["nowhere"])
        assert (await socket.next())["type"] == "problem"  # so what was said before it is done
        await service.vote(quiet["id"], "rice", await service.voter())
        await service.vote(loud["id"], "rice", await service.voter())
        assert (await socket.results())["poll"] == loud["id"]


async def test_unknown_polls_are_told_one_by_one(service: Service) -> None:
    """A poll that does not exist gets a problem, the others their results."""
    poll = await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=["nowhere", poll["id"], "NO ID"])
        said = [await socket.next() for _ in range(3)]
    assert sorted((one["type"], one["poll"], one.get("status")) for one in said) == sorted(
        [("problem", "nowhere", 404), ("results", poll["id"], None), ("problem", "NO ID", 404)], key=str
    )


async def test_polls_of_other_sites_are_told_one_by_one(service: Service) -> None:
    """A poll that may not be embedded by the socket's page gets a problem 403 in its place."""
    poll, narrow = await service.create_poll(), await service.create_poll(origins=["https://only.example"])
    async with socket_at(service, LIVE, origin=service.url) as socket:
        await socket.say(watch=[poll["id"], narrow["id"]])  # the service's own page may watch everything
        assert {(await socket.results())["poll"] for _ in range(2)} == {poll["id"], narrow["id"]}


@pytest.mark.parametrize("at_once", [True, False])
async def test_one_socket_watches_a_hundred_polls(service: Service, at_once: bool) -> None:
    """The hundred-and-first is refused, with the others or after them, and the socket lives on."""
    poll = await service.create_poll()
    names = [f"nowhere-{number}" for number in range(101)]
    async with socket_at(service, LIVE) as socket:
        if at_once:
            await socket.say(watch=names)
        else:
            polls = [(await service.create_poll())["id"] for _ in range(100)]
            await socket.say(watch=polls)
            assert {(await socket.results())["poll"] for _ in polls} == set(polls)
            await socket.say(watch=polls[:10])
            assert {(await socket.results())["poll"] for _ in range(10)} == set(polls[:10])
            await socket.say(watch=[poll["id"]])
        said = await socket.next()
        assert (said["type"], said["problem"], said["field"]) == (
            "problem",
            "/problems/invalid-poll",
            "watch",
        )
        if not at_once:
            await socket.say(unwatch=polls[:1], watch=[poll["id"]])
        else:
            await socket.say(watch=[poll["id"]])
        assert (await socket.results())["poll"] == poll["id"]


@pytest.mark.parametrize(
    "message", ['{"watch": "a"}', '{"watch": [1]}', '{"listen": []}', "{", "null", b"{}"]
)
async def test_broken_messages_are_answered_and_the_socket_lives_on(
    service: Service, message: str | bytes
) -> None:
    """What cannot be understood gets a problem, and what is watched goes on coming."""
    poll = await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=[poll["id"]])
        await socket.results()
        await socket.connection.send(message)
        said = await socket.next()
        assert (said["problem"], said["status"]) == ("/problems/malformed-body", 400)
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_a_deleted_poll_leaves_the_socket_to_the_others(service: Service) -> None:
    """The reader is told that it is gone; the rest goes on, and the id may be watched when it is back."""
    doomed, stays = await service.create_poll(), await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=[doomed["id"], stays["id"]])
        await socket.results()
        await socket.results()
        await service.admin.request(
            "DELETE", f"/v1/admin/polls/{doomed['id']}", json={"confirm": doomed["id"]}
        )
        said = await socket.next()
        assert (said["type"], said["status"], said["poll"]) == ("problem", 404, doomed["id"])
        await service.vote(stays["id"], "rice", await service.voter())
        assert (await socket.results())["poll"] == stays["id"]
        await service.create_poll(id=doomed["id"])
        await socket.say(watch=[doomed["id"]])
        assert (await socket.results())["poll"] == doomed["id"]


async def test_a_ticket_holds_for_all_polls_of_the_socket(service: Service) -> None:
    """Given once, it shows the totals of each poll that its voter has voted on, those watched later too."""
    first, second = [await service.create_poll(results="after_vote") for _ in range(2)]
    token = await service.voter()
    async with socket_at(service, LIVE) as socket:
        await socket.say(watch=[first["id"]])
        assert (await socket.results())["hidden"] is True
        for poll in (first, second):
            await service.vote(poll["id"], "rice", token)
        await socket.say(ticket=await ticket_of(service, token))
        assert (await socket.results())["voters"] == 1
        await socket.say(watch=[second["id"]])
        assert (await socket.results())["voters"] == 1
