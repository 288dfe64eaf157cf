"""Publish, cancel, archive and reset: the data that each keeps and removes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pollwire_server.domain.errors import PhaseConflict
from pollwire_server.domain.poll import ResultsMode, Revote
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store, open_store
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import FAR_OFF, a_voter
from tests.store.ballot_helpers import cast, made, reply_to, set_tally, stored_ballots, tally_of
from tests.valkey import Valkey
from tests.wait import until


async def test_publish_sets_results_to_always(store: Store) -> None:
    record = await made(store, results=ResultsMode.OPERATORS)
    published = await store.polls.act(record.poll.id, LifecycleAction.PUBLISH)
    assert published.poll.results is ResultsMode.ALWAYS
    assert (await store.polls.act(record.poll.id, LifecycleAction.PUBLISH)).poll == published.poll
    assert (await store.polls.get(record.poll.id)).poll == published.poll


async def test_canceled_poll_rejects_votes_and_actions(store: Store) -> None:
    record, voter = await made(store, closes_at=FAR_OFF, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    canceled = await store.polls.act(record.poll.id, LifecycleAction.CANCEL)
    assert canceled.poll.planned_closes_at == FAR_OFF
    assert (
        await cast(store, canceled, BallotInput(a_voter(), "A"), BallotInput(voter, "B"))
        == [BallotStatus.CLOSED] * 2
    )
    assert await cast(store, canceled, BallotInput(voter, "A")) == [BallotStatus.UNCHANGED]
    assert (await store.ballots.withdraw(canceled, voter)).status is BallotStatus.CLOSED
    with pytest.raises(PhaseConflict) as conflict:
        await store.polls.act(record.poll.id, LifecycleAction.REOPEN)
    assert conflict.value.phase == Phase.CANCELED
    assert (await tally_of(store, record)).voters == 1


async def test_canceled_scheduled_poll_rejects_votes_as_closed(store: Store) -> None:
    record = await made(store, opens_at=FAR_OFF)
    canceled = await store.polls.act(record.poll.id, LifecycleAction.CANCEL)
    assert await cast(store, canceled, BallotInput(a_voter(), "A")) == [BallotStatus.CLOSED]
    assert canceled.poll.phase(FAR_OFF + 1) is Phase.CANCELED


async def test_archive_keeps_totals_and_deletes_ballots_and_voter_key(store: Store) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    closed = await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert await cast(store, closed, BallotInput(voter, "A")) == [BallotStatus.UNCHANGED]
    before = await tally_of(store, record)
    archived = await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    assert archived.voter_key == b""
    assert await stored_ballots(store, record) == {}
    after = await tally_of(store, record)
    assert (after.epoch, after.seq, after.voters, after.counts) == (
        *(before.epoch, before.seq, before.voters),
        before.counts,
    )
    assert await cast(store, archived, BallotInput(voter, "A")) == [BallotStatus.CLOSED]


async def test_archived_voter_key_is_removed_from_append_only_file(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    try:
        record = await made(store)
        await cast(store, record, BallotInput(a_voter(), "A"))
        folder = Path(own_valkey.socket_path).parent
        assert holds(folder, record.voter_key)
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
        await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
        store.aof_rewriter.begin()
        await until(lambda: not holds(folder, record.voter_key), within_s=20)
    finally:
        await store.close()


def holds(folder: Path, secret: bytes) -> bool:
    """Return True if any file of the folder contains the bytes."""
    return any(secret in path.read_bytes() for path in list(folder.rglob("*")) if path.is_file())


async def test_reset_clears_votes_and_starts_later_epoch_with_new_voter_key(store: Store) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    before = await tally_of(store, record)
    reset = await store.polls.act(record.poll.id, LifecycleAction.RESET)
    after = await tally_of(store, record)
    assert after.epoch > before.epoch
    assert (after.seq, after.voters, after.counts) == (0, 0, {})
    assert reset.voter_key != record.voter_key
    assert not reset.voted
    assert await cast(store, reset, BallotInput(voter, "B")) == [BallotStatus.COUNTED]


async def test_ballot_from_before_reset_is_stale(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert (await reply_to(store, record, BallotInput(a_voter(), "A"))).outcomes is None


async def test_repeated_reset_changes_nothing_until_next_vote(store: Store) -> None:
    record = await made(store)
    first = await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert (await store.polls.act(record.poll.id, LifecycleAction.RESET)).poll == first.poll
    await cast(store, first, BallotInput(a_voter(), "A"))
    assert (
        await store.polls.act(record.poll.id, LifecycleAction.RESET)
    ).poll.version == first.poll.version + 1


async def test_reset_epoch_is_later_than_epoch_of_fast_clock(store: Store) -> None:
    record = await made(store)
    await set_tally(store, record, "epoch", "0fffffffffff")
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert (await tally_of(store, record)).epoch == "100000000000"


async def test_conflicting_concurrent_actions_apply_exactly_one(store: Store) -> None:
    record = await made(store)
    done = await asyncio.gather(
        store.polls.act(record.poll.id, LifecycleAction.CANCEL),
        store.polls.act(record.poll.id, LifecycleAction.CANCEL),
        store.polls.act(record.poll.id, LifecycleAction.REOPEN),
        return_exceptions=True,
    )
    assert not isinstance(done[0], BaseException)
    assert done[1] == done[0] or getattr(done[1], "poll", None) == done[0].poll
    assert isinstance(done[2], PhaseConflict)
    assert done[2].phase == Phase.CANCELED
