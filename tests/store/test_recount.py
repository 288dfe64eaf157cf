"""Recounts: exact for one instant, despite votes, changes and withdrawals in the meantime."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

import pytest
from pollwire_server.domain.errors import Overloaded, PhaseConflict, PollNotFound
from pollwire_server.domain.poll import Identity, Kind, Revote
from pollwire_server.domain.recount import recount_of
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.keys import BUCKETS, FIRST_BUCKET, RECOUNT_SAVED
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter
from tests.store.ballot_helpers import DAY_MS, cast, made, set_field, set_tally, stored_ballots


async def begun(store: Store, record: PollRecord, token: bytes = b"token") -> None:
    """Begin a recount that has read nothing."""
    keys = (*record.keys[:2], record.keys[RECOUNT_SAVED])
    answer, *_ = await store.connection.call("recount_control", keys, (token, "begin"))
    assert answer == b"done"


async def pages_of(store: Store, record: PollRecord, token: bytes = b"token") -> dict[bytes, bytes]:
    """Return the ballots of all pages of a recount."""
    ballots: dict[bytes, bytes] = {}
    for place in range(FIRST_BUCKET, FIRST_BUCKET + BUCKETS):
        cursor = b"0"
        while True:
            keys = (*record.keys[:2], record.keys[place], record.keys[RECOUNT_SAVED])
            answer, cursor, flat = await store.connection.call(
                "recount_page", keys, (token, place + 1, cursor)
            )
            assert answer == b"done"
            ballots |= zip(flat[::2], flat[1::2], strict=True)
            if cursor == b"0":
                break
    return {voter: value for voter, value in ballots.items() if value}


async def test_recount_pages_show_ballots_as_of_start(store: Store) -> None:
    record = await made(store, revote=Revote.WITHDRAW)
    voters = [a_voter() for _ in range(200)]
    await cast(store, record, *(BallotInput(voter, "A") for voter in voters))
    before = await stored_ballots(store, record)
    await begun(store, record)
    await cast(store, record, *(BallotInput(voter, "B") for voter in voters[:100]))
    await cast(store, record, *(BallotInput(voter, "C") for voter in voters[50:100]))
    for voter in voters[90:120]:
        await store.ballots.withdraw(record, voter)
    await cast(store, record, *(BallotInput(a_voter(), "C") for _ in range(100)))
    assert await pages_of(store, record) == before


async def test_recount_shows_reused_idempotency_key_once(store: Store) -> None:
    record, voter = await made(store, identity=Identity.OPEN), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    (bucket,) = [
        key for key in record.keys[FIRST_BUCKET : FIRST_BUCKET + BUCKETS] if await stored_size(store, key)
    ]
    old = (await store.polls.now() - 2 * DAY_MS).to_bytes(6, "big")
    await store.connection.client.hset(bucket, voter, bytes([0, 0, 1]) + old + b"A")
    before = await stored_ballots(store, record)
    await begun(store, record)
    await cast(store, record, BallotInput(voter, "B"))
    assert len(await stored_ballots(store, record)) == 2
    assert await pages_of(store, record) == before


async def stored_size(store: Store, key: bytes) -> int:
    """Return the number of ballots in a bucket."""
    return int(await store.connection.client.hlen(key))


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.MULTIPLE, Kind.RANKED])
async def test_recount_is_exact_during_voting(store: Store, kind: Kind) -> None:
    record = await made(store, revote=Revote.CHANGE, kind=kind)
    codes = ["A", "B", "C"] if kind is Kind.SINGLE else ["A", "B", "AB", "BC", "ABC"]
    voters = [a_voter() for _ in range(4000)]
    await cast(store, record, *(BallotInput(voter, codes[place % 3]) for place, voter in enumerate(voters)))
    is_over = False

    async def voting() -> None:
        while not is_over:
            some = [secrets.choice(voters) for _ in range(40)] + [a_voter() for _ in range(10)]
            await cast(store, record, *(BallotInput(voter, secrets.choice(codes)) for voter in some))

    crowd = asyncio.gather(*(voting() for _ in range(3)))
    seqs = set()
    for _ in range(5):
        reading, found = await store.recounts.recount(record.poll.id)
        result = recount_of(reading.record.poll, reading.tally, found)
        assert result.matches, result
        seqs.add(reading.tally.seq)
    is_over = True
    await crowd
    assert len(seqs) > 1
    assert not await store.connection.client.exists(record.keys[RECOUNT_SAVED])


async def test_recount_detects_wrong_totals(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "B"))
    await set_tally(store, record, "A", 7)
    reading, found = await store.recounts.recount(record.poll.id)
    result = recount_of(reading.record.poll, reading.tally, found)
    assert not result.matches
    assert (result.stored.counts["npp"], result.recounted.counts["npp"]) == (7, 1)
    assert found == Counter(A=1, B=1)


async def test_second_recount_is_rejected_until_first_expires(store: Store) -> None:
    record, voter = await made(store, revote=Revote.CHANGE), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await begun(store, record)
    with pytest.raises(Overloaded):
        await store.recounts.recount(record.poll.id)
    past = (await store.polls.now() - 1).to_bytes(6, "big")
    await set_field(store, record, "recount", past + bytes([3]) + b"token")
    await cast(store, record, BallotInput(voter, "B"))
    assert not await store.connection.client.exists(record.keys[RECOUNT_SAVED])
    assert not await store.connection.client.hexists(record.keys[0], "recount")
    _, found = await store.recounts.recount(record.poll.id)
    assert found == Counter(B=1)


async def test_recount_saves_no_values_in_finished_buckets(store: Store) -> None:
    record = await made(store, revote=Revote.CHANGE)
    first, last = bytes(16), bytes([15]) * 16
    await cast(store, record, BallotInput(first, "A"), BallotInput(last, "A"))
    await begun(store, record)
    keys = (*record.keys[:2], record.keys[FIRST_BUCKET + 1], record.keys[RECOUNT_SAVED])
    await store.connection.call("recount_page", keys, (b"token", FIRST_BUCKET + 2, b"0"))
    await cast(store, record, BallotInput(first, "B"), BallotInput(last, "B"))
    assert await store.connection.client.hkeys(record.keys[RECOUNT_SAVED]) == [last]


async def test_reset_ends_recount_and_deletes_saved_values(store: Store) -> None:
    record = await made(store, revote=Revote.CHANGE)
    await cast(store, record, BallotInput(a_voter(), "A"))
    await begun(store, record)
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    keys = (*record.keys[:2], record.keys[FIRST_BUCKET], record.keys[RECOUNT_SAVED])
    assert await store.connection.call("recount_page", keys, (b"token", 3, b"0")) == [b"stale"]
    reading, found = await store.recounts.recount(record.poll.id)
    assert (reading.tally.voters, found) == (0, Counter())


async def test_recount_rejects_missing_and_archived_polls(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CANCEL)
    await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    with pytest.raises(PhaseConflict):
        await store.recounts.recount(record.poll.id)
    with pytest.raises(PollNotFound):
        await store.recounts.recount("nowhere")
