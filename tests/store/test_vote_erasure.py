"""A vote is erased: totals are as stated, and no key of the store holds anything of the voter."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest
from pollwire_server.domain.errors import PhaseConflict, PollNotFound
from pollwire_server.domain.events import EventKind
from pollwire_server.domain.poll import Identity, Kind, Revote
from pollwire_server.domain.recount import recount_of
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.keys import FIRST_BUCKET, RECOUNT_SAVED
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus
from pollwire_server.store.votes.vote_erasure import ErasureResult

from tests.factories import a_voter
from tests.store.ballot_helpers import DAY_MS, cast, made, outcomes_of, stored_ballots, tally_of
from tests.store.test_outbox import kinds
from tests.store.test_recount import begun


async def holding(store: Store, needle: bytes) -> list[bytes]:
    """Return every key of the store's namespace that contains the bytes."""
    client, found = store.connection.client, []
    async for key in client.scan_iter(match=f"{store.connection.namespace}:*"):
        match await client.type(key):
            case b"hash":
                parts = [part for pair in (await client.hgetall(key)).items() for part in pair]
            case b"zset":
                parts = await client.zrange(key, 0, -1)
            case b"set":
                parts = list(await client.smembers(key))
            case b"list":
                parts = await client.lrange(key, 0, -1)
            case b"stream":
                entries = await client.xrange(key)
                parts = [part for _, entry in entries for pair in entry.items() for part in pair]
            case _:
                parts = [await client.get(key)]
        if any(needle in part for part in parts):
            found.append(key)
    return found


async def matches(store: Store, record: PollRecord) -> bool:
    """Return True if a recount of the ballots equals the totals."""
    reading, codes = await store.recounts.recount(record.poll.id)
    return recount_of(reading.record.poll, reading.tally, codes).matches


@pytest.mark.parametrize(
    "acts", [[], [LifecycleAction.CLOSE], [LifecycleAction.CANCEL]], ids=["open", "closed", "canceled"]
)
@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.MULTIPLE, Kind.RANKED])
async def test_admin_erasure_removes_vote_from_totals(
    store: Store, kind: Kind, acts: list[LifecycleAction]
) -> None:
    record = await made(store, kind=kind, network_tags=True)
    voter, code = a_voter(), "A" if kind is Kind.SINGLE else "BA"
    await cast(store, record, BallotInput(voter, code, tag=b"home"), BallotInput(a_voter(), "B", tag=b"schl"))
    assert len(await holding(store, voter)) == 2, "the ballot and its tag are what there is to be found"
    for act in acts:
        record = await store.polls.act(record.poll.id, act)
    before = await tally_of(store, record)
    assert await store.vote_eraser.erase(record, voter, by="ops") is ErasureResult.OUT
    after = await tally_of(store, record)
    assert (after.voters, after.seq) == (before.voters - 1, before.seq + 1)
    assert await matches(store, record)
    assert await holding(store, voter) == []
    assert await store.vote_eraser.erase(record, voter, by="ops") is ErasureResult.NOTHING


async def test_erasure_audit_entry_does_not_identify_voter(store: Store) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    for _ in range(2):
        await store.vote_eraser.erase(record, voter, by="ops")
    entries, _ = await store.audit_log.entries(record.poll.id, cursor=None, limit=10)
    assert [(entry.act, entry.by) for entry in entries][:2] == [("erase", "ops"), ("create", "pollwire")]
    assert (await kinds(store, record.poll.id)).count(EventKind.CORRECTED) == 1


@pytest.mark.parametrize("revote", [Revote.NEVER, Revote.CHANGE])
async def test_voter_erasure_is_rejected_while_withdrawals_are_not_allowed(
    store: Store, revote: Revote
) -> None:
    record, voter = await made(store, revote=revote), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    with pytest.raises(PhaseConflict, match="after voting has ended"):
        await store.vote_eraser.erase(record, voter)
    assert (await tally_of(store, record)).voters == 1


async def test_voter_erasure_while_open_leaves_no_tombstone(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    assert await store.vote_eraser.erase(record, voter) is ErasureResult.OUT
    assert (await tally_of(store, record)).voters == 0
    assert await stored_ballots(store, record) == {}
    (again,) = await outcomes_of(store, record, BallotInput(voter, "B"))
    assert (again.status, again.revision) == (BallotStatus.COUNTED, 1)


async def test_erasure_removes_tombstone_of_withdrawn_vote(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.ballots.withdraw(record, voter)
    before = await tally_of(store, record)
    assert await store.vote_eraser.erase(record, voter) is ErasureResult.NOTHING
    assert await holding(store, voter) == []
    assert (await tally_of(store, record)).seq == before.seq


async def test_voter_erasure_after_closing_keeps_totals(store: Store) -> None:
    record, voter = await made(store, network_tags=True), a_voter()
    await cast(store, record, BallotInput(voter, "A", tag=b"home"), BallotInput(a_voter(), "B"))
    record = await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    before = await tally_of(store, record)
    assert await store.vote_eraser.erase(record, voter) is ErasureResult.KEPT
    after = await tally_of(store, record)
    assert (after.counts, after.voters, after.seq) == (before.counts, before.voters, before.seq)
    assert await holding(store, voter) == []
    assert await holding(store, b"home") == []
    assert await matches(store, record)
    assert await store.ballots.current_vote(record, voter) is None


async def test_erasure_restarts_running_recount(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), bytes([255]) * 16
    await cast(store, record, BallotInput(voter, "A"))
    await begun(store, record)
    await cast(store, record, BallotInput(voter, "B"))
    assert await store.connection.client.hexists(record.keys[RECOUNT_SAVED], voter)
    await store.vote_eraser.erase(record, voter)
    assert await holding(store, voter) == []
    _, codes = await store.recounts.recount(record.poll.id)
    assert codes == Counter()


async def test_erasure_in_open_poll_selects_vote_by_time(store: Store) -> None:
    record, key = await made(store, identity=Identity.OPEN), a_voter()
    await cast(store, record, BallotInput(key, "A"))
    bucket = record.keys[FIRST_BUCKET + key[0] % 16]
    value = await store.connection.client.hget(bucket, key)
    long_ago = int.from_bytes(value[3:9], "big") - DAY_MS
    await store.connection.client.hset(bucket, key, value[:3] + long_ago.to_bytes(6, "big") + value[9:])
    await cast(store, record, BallotInput(key, "B"))
    assert await store.vote_eraser.erase(record, key, at=1, by="ops") is ErasureResult.NOTHING
    assert await store.vote_eraser.erase(record, key, at=long_ago, by="ops") is ErasureResult.OUT
    assert {value[9:] for value in (await stored_ballots(store, record)).values()} == {b"B"}
    assert await matches(store, record)


async def test_erasure_rejects_archived_and_missing_polls(store: Store) -> None:
    record, voter = await made(store), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    record = await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    with pytest.raises(PhaseConflict):
        await store.vote_eraser.erase(record, voter, by="ops")
    await store.polls.delete(record.poll.id)
    with pytest.raises(PollNotFound):
        await store.vote_eraser.erase(record, voter, by=secrets.token_hex(2))
