"""Slots that move to another master while people vote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store import Store
from pollwire_server.store.keys import index_key
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus, CastReply
from redis.crc import key_slot

from tests.api.conftest import Service
from tests.cluster.clusters import Cluster
from tests.cluster.crowd import gathered
from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, tally_of


@pytest.mark.parametrize("move", [Cluster.move, Cluster.move_at_once])
async def test_slots_move_while_a_crowd_votes(
    cluster: Cluster, service: Service, move: Callable[[Cluster, int], None]
) -> None:
    """No vote is lost and none counts twice when the slots of all polls go elsewhere, in either way."""
    async with gathered(service) as crowd:
        slots = [key_slot((await service.store.polls.get(poll)).keys[0]) for poll in crowd.polls]

        async def move_all() -> None:
            for slot in slots:
                await asyncio.to_thread(move, cluster, slot)

        await crowd.votes_while(move_all)
        await crowd.verify()


async def test_a_poll_on_its_way_holds_up_no_other(cluster: Cluster, clustered: Store) -> None:
    """While the keys of a poll are on two servers its votes are refused, others count; then its own do."""
    moving, staying = [await made(clustered) for _ in range(2)]
    voter = a_voter()
    await cast(clustered, moving, BallotInput(a_voter(), "A"))
    steps = cluster.moving(key_slot(moving.keys[0]))
    next(steps)
    refused, counted = await clustered.ballots.cast_many(
        [(record, [BallotInput(voter, "A")]) for record in (moving, staying)]
    )
    assert isinstance(refused, StoreUnavailable)
    assert isinstance(counted, CastReply)
    assert clustered.connection.is_up
    for _ in steps:
        pass
    assert await cast(clustered, moving, BallotInput(voter, "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(clustered, moving)).voters == 2


async def test_what_has_gone_ahead_is_found(cluster: Cluster, clustered: Store) -> None:
    """The list of polls is read and written where it has gone, before its slot has followed."""
    first = await made(clustered)
    steps = cluster.moving(key_slot(index_key(clustered.connection.namespace)))
    next(steps)
    second = await made(clustered)
    records, _ = await clustered.polls.list()
    assert {record.poll.id for record in records} == {first.poll.id, second.poll.id}
    for _ in steps:
        pass


async def test_a_slot_comes_to_a_master_without_functions(cluster: Cluster, clustered: Store) -> None:
    """A master that has never kept a poll is given the function library by the first vote there."""
    record = await made(clustered)
    slot = key_slot(record.keys[0])
    cluster.another_than(cluster.owner_of(slot)).tell("FUNCTION FLUSH")
    cluster.move(slot)
    assert await cast(clustered, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(clustered, record)).voters == 1
