"""Slots that move to another master while clients vote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.store import Store
from pollwire_server.store.keys import index_key
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus, CastReply
from redis.crc import key_slot

from tests.api.conftest import Service
from tests.cluster.clusters import Cluster
from tests.cluster.crowd import gathered
from tests.cluster.nodes import HOST, until_true
from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, tally_of


@pytest.mark.parametrize("move", [Cluster.move, Cluster.move_at_once])
async def test_moving_slots_lose_and_duplicate_no_votes(
    cluster: Cluster, service: Service, move: Callable[[Cluster, int], None]
) -> None:
    async with gathered(service) as crowd:
        slots = [key_slot((await service.store.polls.get(poll)).keys[0]) for poll in crowd.polls]

        async def move_all() -> None:
            for slot in slots:
                await asyncio.to_thread(move, cluster, slot)

        await crowd.votes_while(move_all)
        await crowd.verify()


async def test_poll_with_moving_keys_does_not_delay_others(cluster: Cluster, clustered: Store) -> None:
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


async def test_moved_poll_index_is_read_and_written(cluster: Cluster, clustered: Store) -> None:
    first = await made(clustered)
    steps = cluster.moving(key_slot(index_key(clustered.connection.namespace)))
    next(steps)
    second = await made(clustered)
    records, _ = await clustered.polls.list()
    assert {record.poll.id for record in records} == {first.poll.id, second.poll.id}
    for _ in steps:
        pass


async def test_new_master_without_library_gets_it_at_first_vote(cluster: Cluster, clustered: Store) -> None:
    record = await made(clustered)
    slot = key_slot(record.keys[0])
    cluster.another_than(cluster.owner_of(slot)).command("FUNCTION FLUSH")
    cluster.move(slot)
    assert await cast(clustered, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(clustered, record)).voters == 1


async def move_by_hand(clustered: Store, cluster: Cluster) -> PollRecord:
    """Move the slot of a poll with one vote to the master of the highest config epoch. Return the poll.

    Meanwhile the epoch of the source rises, as by another move. The target learns of it and takes a higher
    one before it takes the slot. Otherwise the cluster gives the slot back to the source, and Valkey deletes
    the keys of the slot on the target.
    """
    until_true(cluster._epochs_are_settled)
    target = max(cluster.members, key=lambda member: int(member.knows()["cluster_my_epoch"]))
    record = await made(clustered)
    while (source := cluster.owner_of(slot := key_slot(record.keys[0]))) is target:
        record = await made(clustered)
    await cast(clustered, record, BallotInput(a_voter(), "A"))
    target.command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
    source.command("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
    while keys := source.command("CLUSTER GETKEYSINSLOT", slot, 10):
        source.command("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
    source.command("CLUSTER BUMPEPOCH")
    until_true(cluster._epochs_are_settled)
    target.command("CLUSTER BUMPEPOCH")
    target.command("CLUSTER SETSLOT", slot, "NODE", target.id)
    until_true(cluster._epochs_are_settled)
    for member in (source, *cluster.members):
        member.command("CLUSTER SETSLOT", slot, "NODE", target.id)
    until_true(cluster._epochs_are_settled)
    return record


async def test_poll_moved_by_hand_is_found_if_the_target_has_the_highest_epoch(
    clustered: Store, cluster: Cluster
) -> None:
    for _ in range(3):
        record = await move_by_hand(clustered, cluster)
        assert (await tally_of(clustered, record)).voters == 1
