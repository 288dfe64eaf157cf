"""Retention: only polls that ended long ago are archived."""

from __future__ import annotations

import asyncio

import pytest
from pollwire_server.admin import retention
from pollwire_server.admin.retention import BY, DAY_MS, Retention, is_expired
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, LONG_AGO, a_poll, a_voter
from tests.store.ballot_helpers import cast, made, stored_ballots
from tests.wait import until


@pytest.mark.parametrize(
    ("changes", "is_old"),
    [
        ({"closes_at": LONG_AGO + 1}, True),
        ({"closes_at": FAR_OFF}, False),
        ({"closes_at": None}, False),
        ({"closes_at": FAR_OFF, "closed_at": LONG_AGO + 5}, True),
        ({"closes_at": LONG_AGO + 1, "closed_at": LONG_AGO + 5, "ended": Phase.CANCELED}, True),
        ({"closes_at": LONG_AGO + 1, "closed_at": LONG_AGO + 5, "ended": Phase.ARCHIVED}, False),
    ],
)
def test_retention_counts_from_end_of_voting(changes: dict[str, object], is_old: bool) -> None:
    assert is_expired(a_poll(**changes), LONG_AGO + DAY_MS) is is_old
    assert not is_expired(a_poll(**changes), LONG_AGO)


async def test_retention_archives_old_polls_only(store: Store) -> None:
    old, young, now_open = await made(store), await made(store), await made(store)
    for record in (old, young, now_open):
        await cast(store, record, BallotInput(a_voter(), "A"))
    for record in (old, young):
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.connection.client.hset(old.keys[0], "closed_at", LONG_AGO + 1)
    assert await Retention(store, 30).archive_expired() == 1
    assert await Retention(store, 30).archive_expired() == 0
    assert not await stored_ballots(store, old)
    assert len(await stored_ballots(store, young)) == len(await stored_ballots(store, now_open)) == 1
    (entry, *_), _ = await store.audit_log.entries(old.poll.id, cursor=None, limit=5)
    assert (entry.by, entry.act) == (BY, "archive")


async def test_concurrent_retention_archives_each_poll_once(store: Store) -> None:
    tasks = [asyncio.create_task(Retention(store, 0, interval_s=0.05).run()) for _ in range(3)]
    try:
        for _ in range(2):
            record = await made(store)
            await store.polls.act(record.poll.id, LifecycleAction.CLOSE)

            async def is_archived(poll_id: str = record.poll.id) -> bool:
                return (await store.polls.get(poll_id)).poll.ended is Phase.ARCHIVED

            await until(is_archived)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_retention_is_off_by_default(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.connection.client.hset(record.keys[0], "closed_at", 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Retention(store, None, interval_s=0.01).run(), 0.1)
    assert (await store.polls.get(record.poll.id)).poll.ended is None
    assert retention.INTERVAL_S >= 60
