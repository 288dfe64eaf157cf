"""Positions: (epoch, seq) never decreases, even if the store loses data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from pollwire_server.domain.poll import Revote
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.results.positions import INITIAL_POSITION, MAX_TRACKED_POLLS, PositionTracker
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, a_voter
from tests.store.ballot_helpers import cast, made, reply_to, set_tally, tally_of
from tests.valkey import Valkey

Step = Callable[[Store, PollRecord, bytes], Awaitable[object]]


async def cast_again(store: Store, record: PollRecord, voter: bytes) -> object:
    """Cast a ballot that changes nothing."""
    return await cast(store, record, BallotInput(voter, "A"))


async def withdraw(store: Store, record: PollRecord, voter: bytes) -> object:
    """Withdraw a vote."""
    return await store.ballots.withdraw(record, voter)


async def read(store: Store, record: PollRecord, voter: bytes) -> object:
    """Read the results."""
    return await tally_of(store, record)


async def stored_epoch(store: Store, record: PollRecord) -> str:
    """Return the stored epoch, read directly from the store."""
    return str((await store.connection.client.hget(record.keys[1], "epoch")).decode())


@pytest.mark.parametrize("step", [cast_again, withdraw, read])
async def test_lost_history_starts_new_epoch(store: Store, step: Step) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"), BallotInput(a_voter(), "B"))
    before = await tally_of(store, record)
    await set_tally(store, record, "seq", 1)
    await step(store, record, voter)
    after = await tally_of(store, record)
    assert after.epoch > before.epoch
    assert after.seq == (2 if step is withdraw else 1)


@pytest.mark.parametrize("step", [cast_again, read])
async def test_store_with_older_epoch_starts_later_epoch(store: Store, step: Step) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    ahead = f"{FAR_OFF:012x}"
    await set_tally(store, record, "epoch", ahead)
    await tally_of(store, record)
    await set_tally(store, record, "epoch", f"{5:012x}")
    await step(store, record, voter)
    assert await stored_epoch(store, record) == f"{FAR_OFF + 1:012x}"


async def test_epoch_is_constant_without_lost_history(store: Store) -> None:
    record = await made(store, revote=Revote.CHANGE)
    epochs = set()
    for number in range(5):
        reply = await reply_to(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "B"))
        tally = await tally_of(store, record)
        epochs |= {reply.epoch, tally.epoch}
        assert tally.seq == 2 * (number + 1)
    assert len(epochs) == 1


async def test_restart_keeps_epoch_and_votes(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    before = await tally_of(store, record)
    await store.close()
    own_valkey.restart()
    store = await open_store(own_valkey.url)
    after = await tally_of(store, record)
    await store.close()
    assert (after.epoch, after.seq, after.counts) == (before.epoch, before.seq, before.counts)


async def test_tracked_position_never_decreases() -> None:
    positions = PositionTracker()
    assert positions.highest("p") == INITIAL_POSITION
    for epoch, seq in [("0b", 1), ("0b", 7), ("0a", 9), ("0b", 3)]:
        positions.observe("p", epoch, seq)
    assert positions.highest("p") == ("0b", 7)


async def test_tracked_positions_stay_within_bound() -> None:
    positions = PositionTracker()
    for number in range(MAX_TRACKED_POLLS + 5):
        positions.observe(str(number), "0a", 1)
    assert len(positions._highest) == MAX_TRACKED_POLLS
    assert positions.highest("0") == INITIAL_POSITION
