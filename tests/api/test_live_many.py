"""Multi-poll WebSocket."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.streams import results, socket_at, ticket_of, without_timestamp

LIVE = "/v1/live"


async def test_watched_polls_send_results_and_changes(service: Service) -> None:
    polls = [await service.create_poll() for _ in range(3)]
    ids = {poll["id"] for poll in polls}
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=sorted(ids))
        assert {(await socket.results())["poll"] for _ in ids} == ids
        for poll in polls:
            await service.vote(poll["id"], "yam", await service.voter())
            message = await socket.results()
            assert without_timestamp(message) == without_timestamp(await results(service, poll))


async def test_unwatched_poll_sends_nothing(service: Service) -> None:
    quiet, loud = await service.create_poll(), await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=[quiet["id"], loud["id"]])
        await socket.results()
        await socket.results()
        await socket.send(unwatch=[quiet["id"]])
        await socket.send(watch=["nowhere"])
        assert (await socket.next())["type"] == "problem"  # so the messages before it are handled
        await service.vote(quiet["id"], "rice", await service.voter())
        await service.vote(loud["id"], "rice", await service.voter())
        assert (await socket.results())["poll"] == loud["id"]


async def test_unknown_poll_gets_its_own_problem(service: Service) -> None:
    poll = await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=["nowhere", poll["id"], "NO ID"])
        messages = [await socket.next() for _ in range(3)]
    assert sorted((one["type"], one["poll"], one.get("status")) for one in messages) == sorted(
        [("problem", "nowhere", 404), ("results", poll["id"], None), ("problem", "NO ID", 404)], key=str
    )


async def test_poll_of_other_origin_gets_its_own_problem_403(service: Service) -> None:
    poll, narrow = await service.create_poll(), await service.create_poll(origins=["https://only.example"])
    async with socket_at(service, LIVE, origin=service.url) as socket:
        await socket.send(watch=[poll["id"], narrow["id"]])  # the service's own page may watch everything
        assert {(await socket.results())["poll"] for _ in range(2)} == {poll["id"], narrow["id"]}


@pytest.mark.parametrize("at_once", [True, False])
async def test_watching_more_than_100_polls_is_rejected(service: Service, at_once: bool) -> None:
    poll = await service.create_poll()
    names = [f"nowhere-{number}" for number in range(101)]
    async with socket_at(service, LIVE) as socket:
        if at_once:
            await socket.send(watch=names)
        else:
            polls = [(await service.create_poll())["id"] for _ in range(100)]
            await socket.send(watch=polls)
            assert {(await socket.results())["poll"] for _ in polls} == set(polls)
            await socket.send(watch=polls[:10])
            assert {(await socket.results())["poll"] for _ in range(10)} == set(polls[:10])
            await socket.send(watch=[poll["id"]])
        message = await socket.next()
        assert (message["type"], message["problem"], message["field"]) == (
            "problem",
            "/problems/invalid-poll",
            "watch",
        )
        if not at_once:
            await socket.send(unwatch=polls[:1], watch=[poll["id"]])
        else:
            await socket.send(watch=[poll["id"]])
        assert (await socket.results())["poll"] == poll["id"]


@pytest.mark.parametrize(
    "message", ['{"watch": "a"}', '{"watch": [1]}', '{"listen": []}', "{", "null", b"{}"]
)
async def test_invalid_message_gets_problem_and_socket_stays_open(
    service: Service, message: str | bytes
) -> None:
    poll = await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=[poll["id"]])
        await socket.results()
        await socket.connection.send(message)
        reply = await socket.next()
        assert (reply["problem"], reply["status"]) == ("/problems/malformed-body", 400)
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_deleted_poll_leaves_others_and_can_be_watched_again(service: Service) -> None:
    deleted, remaining = await service.create_poll(), await service.create_poll()
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=[deleted["id"], remaining["id"]])
        await socket.results()
        await socket.results()
        await service.admin.request(
            "DELETE", f"/v1/admin/polls/{deleted['id']}", json={"confirm": deleted["id"]}
        )
        message = await socket.next()
        assert (message["type"], message["status"], message["poll"]) == ("problem", 404, deleted["id"])
        await service.vote(remaining["id"], "rice", await service.voter())
        assert (await socket.results())["poll"] == remaining["id"]
        await service.create_poll(id=deleted["id"])
        await socket.send(watch=[deleted["id"]])
        assert (await socket.results())["poll"] == deleted["id"]


async def test_ticket_applies_to_all_polls_of_socket(service: Service) -> None:
    first, second = [await service.create_poll(results="after_vote") for _ in range(2)]
    token = await service.voter()
    async with socket_at(service, LIVE) as socket:
        await socket.send(watch=[first["id"]])
        assert (await socket.results())["hidden"] is True
        for poll in (first, second):
            await service.vote(poll["id"], "rice", token)
        await socket.send(ticket=await ticket_of(service, token))
        assert (await socket.results())["voters"] == 1
        await socket.send(watch=[second["id"]])
        assert (await socket.results())["voters"] == 1
