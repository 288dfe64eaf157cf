"""Who sees what: every results mode, on every channel, in every phase, for every kind of reader."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Service
from tests.api.streams import Said, events_at, live, results, socket_at, ticket_of

MODES = ("always", "after_vote", "after_close", "operators")
PHASES = ("open", "closed")


def sees(mode: str, phase: str, reader: str) -> bool:
    """The contract's rule, written anew."""
    if reader == "operator" or mode == "always":
        return True
    if mode == "after_vote":
        return phase == "closed" or reader == "voted"
    return mode == "after_close" and phase == "closed"


async def everything_said(service: Service, poll: Said, token: str | None) -> dict[str, Said]:
    """The first results on each channel, for the reader of a token or API key."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    ticket = "" if token is None else f"?ticket={await ticket_of(service, token)}"
    said = {"http": await results(service, poll, **headers)}
    async with socket_at(service, live(poll) + ticket) as socket:
        said["socket"] = await socket.results()
    async with socket_at(service, f"/v1/live{ticket}") as socket:
        await socket.say(watch=[poll["id"]])
        said["many"] = await socket.results()
    async with events_at(service, f"/v1/polls/{poll['id']}/events{ticket}") as events:
        said["events"] = await events.results()
    return said


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("mode", MODES)
async def test_each_reader_sees_what_the_mode_says_on_every_channel(
    service: Service, mode: str, phase: str
) -> None:
    """HTTP, both sockets and events agree with the rule, and hidden results carry no number."""
    poll = await service.create_poll(results=mode)
    voted, other = await service.voter(), await service.voter()
    await service.vote(poll["id"], "rice", voted)
    if phase == "closed":
        await service.act(poll["id"], "close")
    readers = {"public": None, "other": other, "voted": voted, "operator": service.settings.admin_key}
    for reader, token in readers.items():
        for channel, said in (await everything_said(service, poll, token)).items():
            _check(said, sees(mode, phase, reader), f"{channel} {reader}")
            assert (said["phase"], said["final"]) == (phase, phase == "closed")


def _check(said: dict[str, Any], visible: bool, where: str) -> None:
    if visible:
        assert (said["voters"], said["counts"], said["seq"]) == (1, {"rice": 1, "yam": 0}, 1), where
        assert "hidden" not in said, where
    else:
        assert (said["hidden"], said["seq"]) == (True, 0), where
        assert not {"voters", "counts"} & said.keys(), where


@pytest.mark.parametrize("mode", ["after_vote", "after_close", "operators"])
async def test_votes_send_nothing_to_readers_of_hidden_totals(service: Service, mode: str) -> None:
    """However many vote, the next that a hidden reader hears is the closing, with totals by the mode."""
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


async def test_an_operator_watches_hidden_totals_move(service: Service) -> None:
    """A ticket made with an API key sees every vote, on a poll whose totals are for operators."""
    poll = await service.create_poll(results="operators")
    assert service.settings.admin_key is not None
    ticket = await ticket_of(service, service.settings.admin_key)
    async with socket_at(service, live(poll, ticket)) as socket:
        assert (await socket.results())["voters"] == 0
        await service.vote(poll["id"], "rice", await service.voter())
        assert (await socket.results())["voters"] == 1


async def test_a_reopened_poll_hides_its_totals_again(service: Service) -> None:
    """After a reopening, readers of ``after_close`` get the hidden view in place of the totals."""
    poll = await service.create_poll(results="after_close")
    async with socket_at(service, live(poll)) as socket:
        await socket.results()
        await service.act(poll["id"], "close")
        assert (await socket.results())["voters"] == 0
        await service.act(poll["id"], "reopen")
        _check(await socket.results(), False, "reopened")


async def test_a_page_of_the_own_site_reads_with_its_cookie(service: Service) -> None:
    """The voter's cookie proves the vote on HTTP."""
    poll = await service.create_poll(results="after_vote")
    token = await service.voter()
    await service.vote(poll["id"], "rice", token)
    assert (await results(service, poll, Cookie=f"pollwire_voter={token}"))["voters"] == 1
    assert (await results(service, poll, Cookie="pollwire_voter=forged"))["hidden"] is True


async def test_a_bad_ticket_in_the_address_is_no_error(service: Service) -> None:
    """A ticket that was not issued here, or has expired, gets the hidden view."""
    poll = await service.create_poll(results="after_vote")
    async with socket_at(service, live(poll, "forged")) as socket:
        _check(await socket.results(), False, "socket")
    async with events_at(service, f"/v1/polls/{poll['id']}/events?ticket=forged") as events:
        _check(await events.results(), False, "events")
