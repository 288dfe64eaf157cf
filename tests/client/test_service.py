"""The client's calls against the whole service."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from pollwire import ApiError, Client

from tests.api.conftest import LUNCH, Service, serve, store
from tests.api.conftest import own_service as service
from tests.valkey import Valkey

__all__ = ["serve", "service", "store"]


def operator(service: Service) -> Client:
    """Return a client with the service's own key."""
    return Client(service.url, key=service.settings.admin_key)


async def test_operator_calls_cover_the_whole_lifecycle(service: Service) -> None:
    """Check every call of an operator, and that a repeated creation returns the same poll."""
    async with operator(service) as client:
        poll = await client.create_poll({"id": "lunch", **LUNCH})
        assert (await client.create_poll({"id": "lunch", **LUNCH}))["id"] == poll["id"]
        after = await client.edit_poll("lunch", {"question": "Yam?"}, version=poll["version"])
        assert after["question"] == (await client.poll("lunch"))["question"] == "Yam?"
        assert (await client.act("lunch", "close"))["phase"] == "closed"
        assert (await client.results_for_operators("lunch"))["final"] is True
        assert [item["id"] for item in (await client.polls(limit=10))[0]] == ["lunch"]
        await client.delete_poll("lunch")
        with pytest.raises(ApiError) as caught:
            await client.poll_for_operators("lunch")
    assert caught.value.slug == "poll-not-found"


async def test_voter_can_vote_change_verify_and_withdraw(service: Service) -> None:
    """Check that a voter can vote, change, verify the receipt and withdraw."""
    await service.create_poll(id="lunch", revote="withdraw")
    async with Client(service.url) as client:
        await client.issue_voter("Ama")
        first = await client.vote("lunch", "rice")
        second = await client.vote("lunch", "yam", revision=first["revision"])
        assert (first["status"], second["status"]) == ("counted", "changed")
        assert (await client.my_vote("lunch"))["choice"] == "yam"
        assert (await client.check_receipt("lunch", first["receipt"]))["counted"] is False
        assert (await client.check_receipt("lunch", second["receipt"]))["counted"] is True
        assert (await client.withdraw("lunch"))["status"] == "withdrawn"
        assert (await client.results("lunch"))["voters"] == 0


async def test_voter_is_identified_by_token_only(service: Service) -> None:
    """Check that only the token identifies a voter, regardless of cookies."""
    await service.create_poll(id="lunch")
    async with Client(service.url) as client:
        for voters in (1, 2):
            client.token = None
            with pytest.raises(ApiError) as caught:
                await client.vote("lunch", "rice")
            assert caught.value.slug == "voter-token-required"
            await client.issue_voter()
            await client.vote("lunch", "rice")
            assert (await client.results("lunch"))["voters"] == voters


async def test_list_reads_all_pages(service: Service) -> None:
    """Check that all pages are read, each poll once, and no more polls than requested."""
    for number in range(103):
        await service.create_poll(id=f"poll-{number}")
    async with operator(service) as client:
        every, more = await client.polls(limit=1000)
        assert (len({poll["id"] for poll in every}), more) == (103, None)
        some, more = await client.polls(limit=101)
    assert len(some) == 101
    assert more is not None


async def test_watch_after_vote_shows_totals(service: Service) -> None:
    """Check that the watch of a client that has voted shows totals visible after a vote."""
    await service.create_poll(id="lunch", results="after_vote")
    async with Client(service.url) as stranger, Client(service.url) as voter:
        await voter.issue_voter()
        await voter.vote("lunch", "rice")
        async with aclosing(stranger.watch("lunch")) as hidden, aclosing(voter.watch("lunch")) as shown:
            assert (await anext(hidden))["hidden"] is True
            assert (await anext(shown))["counts"] == {"rice": 1, "yam": 0}


async def test_vote_during_store_restart_is_counted_once(service: Service, valkey: Valkey) -> None:
    """Check that a vote sent during a store outage gets a response after it, and is counted once."""
    await service.create_poll(id="lunch")
    async with Client(service.url) as client, Client(service.url, patience_s=0.1) as hasty:
        await client.issue_voter()
        hasty.token = client.token
        with valkey.away():
            voting = asyncio.create_task(client.vote("lunch", "rice"))
            with pytest.raises(ApiError) as caught:
                await hasty.vote("lunch", "rice")
        assert caught.value.slug == "store-unavailable"
        assert (await voting)["status"] == "counted"
        assert (await client.results("lunch"))["voters"] == 1
