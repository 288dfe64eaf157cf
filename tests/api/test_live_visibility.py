"""Visibility of results: every mode, channel, phase and role."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Service
from tests.api.streams import JsonObject, events_at, live, results, socket_at, ticket_of

MODES = ("always", "after_vote", "after_close", "operators")
PHASES = ("open", "closed")


def sees(mode: str, phase: str, reader: str) -> bool:
    """Return True if the contract shows totals to this role. Independent of the service's code."""
    if reader == "operator" or mode == "always":
        return True
    if mode == "after_vote":
        return phase == "closed" or reader == "voted"
    return mode == "after_close" and phase == "closed"


async def results_on_every_channel(
    service: Service, poll: JsonObject, token: str | None
) -> dict[str, JsonObject]:
    """Return the first results on each channel, for a token or API key."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    ticket = "" if token is None else f"?ticket={await ticket_of(service, token)}"
    received = {"http": await results(service, poll, **headers)}
    async with socket_at(service, live(poll) + ticket) as socket:
        received["socket"] = await socket.results()
    async with socket_at(service, f"/v1/live{ticket}") as socket:
        await socket.send(watch=[poll["id"]])
        received["many"] = await socket.results()
    async with events_at(service, f"/v1/polls/{poll['id']}/events{ticket}") as events:
        received["events"] = await events.results()
    return received


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("mode", MODES)
async def test_role_sees_totals_as_mode_says_on_every_channel(
    service: Service, mode: str, phase: str
) -> None:
    poll = await service.create_poll(results=mode)
    voted, other = await service.voter(), await service.voter()
    await service.vote(poll["id"], "rice", voted)
    if phase == "closed":
        await service.act(poll["id"], "close")
    readers = {"public": None, "other": other, "voted": voted, "operator": service.settings.admin_key}
    for reader, token in readers.items():
        for channel, document in (await results_on_every_channel(service, poll, token)).items():
            _check(document, sees(mode, phase, reader), f"{channel} {reader}")
            assert (document["phase"], document["final"]) == (phase, phase == "closed")


def _check(document: dict[str, Any], visible: bool, where: str) -> None:
    if visible:
        assert (document["voters"], document["counts"], document["seq"]) == (1, {"rice": 1, "yam": 0}, 1), (
            where
        )
        assert "hidden" not in document, where
    else:
        assert (document["hidden"], document["seq"]) == (True, 0), where
        assert not {"voters", "counts"} & document.keys(), where


@pytest.mark.parametrize("mode", ["after_vote", "after_close", "operators"])
async def test_votes_send_nothing_while_totals_are_hidden(service: Service, mode: str) -> None:
    poll = await service.create_poll(results=mode)
    async with (
        socket_at(service, live(poll)) as socket,
        events_at(service, f"/v1/polls/{poll['id']}/events") as events,
    ):
        for reader in (socket, events):
            _check(await reader.results(), False, "first")
        for _ in range(5):
            await service.vote(poll["id"], "rice", await service.voter())
        await service.act(poll["id"], "close")
        for reader in (socket, events):
            last = await reader.results()
            assert last["final"] is True
            assert last.get("voters") == (None if mode == "operators" else 5)


async def test_operator_ticket_sees_every_vote_on_hidden_totals(service: Service) -> None:
    poll = await service.create_poll(results="operators")
    assert service.settings.admin_key is not None
    ticket = await ticket_of(service, service.settings.admin_key)
    async with socket_at(service, live(poll, ticket)) as socket:
        assert (await socket.results())["voters"] == 0
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_reopened_poll_hides_totals_again(service: Service) -> None:
    poll = await service.create_poll(results="after_close")
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.act(poll["id"], "close")
        assert (await socket.results())["voters"] == 0
        await service.act(poll["id"], "reopen")
        _check(await socket.results(), False, "reopened")


async def test_voter_cookie_shows_totals_over_http(service: Service) -> None:
    poll = await service.create_poll(results="after_vote")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    assert (await results(service, poll, Cookie=f"pollwire_voter={token}"))["voters"] == 1
    assert (await results(service, poll, Cookie="pollwire_voter=forged"))["hidden"] is True


async def test_invalid_ticket_in_url_gets_hidden_results(service: Service) -> None:
    poll = await service.create_poll(results="after_vote")
    async with socket_at(service, live(poll, "forged")) as socket:
        _check(await socket.results(), False, "socket")
    async with events_at(service, f"/v1/polls/{poll['id']}/events?ticket=forged") as events:
        _check(await events.results(), False, "events")
