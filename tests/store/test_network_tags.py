"""Network tags: each ballot of a poll with tags has the network of its latest change."""

from __future__ import annotations

from collections import Counter

import pytest
from pollwire_server.domain.poll import Identity, Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.keys import FIRST_BUCKET, TAGS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus
from pollwire_server.store.votes.purges import PurgeSelector

from tests.factories import a_voter
from tests.store.ballot_helpers import DAY_MS, cast, made, stored_ballots, tally_of

HOME, SCHOOL = b"home", b"schl"


def of(tag: bytes, voter: bytes, code: str = "A") -> BallotInput:
    """Return a ballot with a network tag."""
    return BallotInput(voter, code, tag=tag)


async def tags_of(store: Store, record: PollRecord) -> dict[bytes, bytes]:
    """Return the stored tags by the field of the ballot."""
    stored: dict[bytes, bytes] = await store.connection.client.hgetall(record.keys[TAGS])
    return stored


async def test_tag_belongs_to_latest_change(store: Store) -> None:
    record = await made(store, revote=Revote.WITHDRAW, network_tags=True)
    first, second = a_voter(), a_voter()
    await cast(store, record, of(HOME, first), of(HOME, second))
    await cast(store, record, of(SCHOOL, first, "B"), of(SCHOOL, second, "A"))
    assert await tags_of(store, record) == {first: SCHOOL, second: HOME}
    await cast(store, record, of(HOME, first, "A"), of(SCHOOL, first, "C"), of(b"", second, "B"))
    assert await tags_of(store, record) == {first: SCHOOL}
    stale = BallotInput(first, "B", 1, tag=HOME)
    assert await cast(store, record, stale) == [BallotStatus.STALE_REVISION]
    assert await tags_of(store, record) == {first: SCHOOL}


async def test_withdrawal_deletes_tag(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW, network_tags=True), a_voter()
    await cast(store, record, of(HOME, voter))
    await store.ballots.withdraw(record, voter)
    assert await tags_of(store, record) == {}


async def test_vote_of_expired_idempotency_key_keeps_tag(store: Store) -> None:
    record, key = await made(store, identity=Identity.OPEN, network_tags=True), a_voter()
    await cast(store, record, of(HOME, key))
    bucket = record.keys[FIRST_BUCKET + key[0] % 16]
    value = await store.connection.client.hget(bucket, key)
    long_ago = (int.from_bytes(value[3:9], "big") - DAY_MS).to_bytes(6, "big")
    await store.connection.client.hset(bucket, key, value[:3] + long_ago + value[9:])
    await cast(store, record, of(SCHOOL, key))
    assert await tags_of(store, record) == {key: SCHOOL, key + long_ago: HOME}


@pytest.mark.parametrize("end", ["reset", "archive", "delete"])
async def test_reset_archive_and_deletion_delete_tags(store: Store, end: str) -> None:
    record = await made(store, network_tags=True)
    await cast(store, record, of(HOME, a_voter()))
    if end == "reset":
        await store.polls.act(record.poll.id, LifecycleAction.RESET)
    elif end == "archive":
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
        await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    else:
        await store.polls.delete(record.poll.id)
    assert not await store.connection.client.exists(record.keys[TAGS])


async def test_poll_without_network_tags_stores_none(store: Store) -> None:
    record = await made(store)
    await cast(store, record, of(HOME, a_voter()))
    assert not await store.connection.client.exists(record.keys[TAGS])


async def test_purge_by_tag_removes_exactly_votes_of_that_network(store: Store) -> None:
    record = await made(store, revote=Revote.CHANGE, network_tags=True)
    voters = [a_voter() for _ in range(9000)]
    for number in range(0, 9000, 3000):
        batch = voters[number : number + 3000]
        await cast(store, record, *[of((HOME, SCHOOL)[voter[5] % 2], voter) for voter in batch])
    moved = next(voter for voter in voters if voter[5] % 2 == 0)
    await cast(store, record, of(SCHOOL, moved, "B"))
    expected = 1 + sum(voter[5] % 2 for voter in voters)
    assert await store.purges.purge(record, PurgeSelector(tag=SCHOOL), by="ops") == expected
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts["A"], tally.counts["B"]) == (9000 - expected, 9000 - expected, 0)
    assert set((await tags_of(store, record)).values()) == {HOME}
    _, codes = await store.recounts.recount(record.poll.id)
    assert codes == Counter(A=9000 - expected)
    assert len(await stored_ballots(store, record)) == 9000, "tombstones keep late retries late"
    assert await store.purges.purge(record, PurgeSelector(tag=SCHOOL), by="ops") == 0


async def test_scan_returns_tags(store: Store) -> None:
    record = await made(store, network_tags=True)
    known, unknown = a_voter(), a_voter()
    await cast(store, record, of(HOME, known), of(b"", unknown))
    reading = await store.results.read(record.poll.id)
    found = {stored.voter: stored.tag async for page in store.ballot_scan.pages(reading) for stored in page}
    assert found == {known: HOME, unknown: b""}
