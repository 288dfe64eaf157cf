"""Change notifications: sent immediately, and possibly incomplete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from pollwire_server.domain.poll import Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.notifications import SILENCE_TIMEOUT_S, ChangeNotification
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey
from tests.wait import until


class Watcher:
    """Subscriber that records notifications."""

    def __init__(self, store: Store) -> None:
        self.received: list[ChangeNotification] = []
        self.gaps = 0
        store.notifications.on_change(self.received.append)
        store.notifications.on_gap(self._gap)
        self.task = asyncio.create_task(store.notifications.run())
        self.store = store

    def _gap(self) -> None:
        self.gaps += 1

    async def stop(self) -> None:
        """Stop listening."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def watcher(own_valkey: Valkey) -> AsyncIterator[Watcher]:
    """Start a subscriber on a server that only this test uses."""
    store = await open_store(own_valkey.url)
    watching = Watcher(store)
    await store.notifications.subscribed()
    yield watching
    await watching.stop()
    await store.close()


async def test_changes_send_notifications_in_order(watcher: Watcher) -> None:
    store = watcher.store
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "B"))
    epoch = (await tally_of(store, record)).epoch
    edited = msgspec.structs.replace(record.poll, question="Which?")
    await store.polls.edit(record, edited, assumes_unvoted=False)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.delete(record.poll.id)
    await until(lambda: len(watcher.received) == 5)
    name = record.poll.id
    assert watcher.received == [
        ChangeNotification(name, 1, epoch, 0),
        ChangeNotification(name, 1, epoch, 2),
        ChangeNotification(name, 2, epoch, 2),
        ChangeNotification(name, 3, epoch, 2),
        ChangeNotification(name, 0, "", 0, gone=True),
    ]


async def test_withdrawal_sends_one_notification(watcher: Watcher) -> None:
    store, voter = watcher.store, a_voter()
    record = await made(store, revote=Revote.WITHDRAW)
    await cast(store, record, BallotInput(voter, "A"))
    await store.ballots.withdraw(record, voter)
    await store.ballots.withdraw(record, voter)
    await cast(store, record, BallotInput(voter, "B"))
    await until(lambda: len(watcher.received) == 4)
    assert [notice.seq for notice in watcher.received] == [0, 1, 2, 3]


async def test_batch_without_change_sends_no_notification(watcher: Watcher) -> None:
    store, voter = watcher.store, a_voter()
    record = await made(store)
    await cast(store, record, BallotInput(voter, "A"))
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    await store.polls.act(record.poll.id, LifecycleAction.OPEN)
    await cast(store, record, BallotInput(a_voter(), "C"))
    await until(lambda: len(watcher.received) == 3)
    assert [notice.seq for notice in watcher.received] == [0, 1, 2]


async def test_first_subscription_reports_gap(watcher: Watcher) -> None:
    assert watcher.gaps == 1


async def test_store_outage_reports_gap_and_resubscribes(own_valkey: Valkey, watcher: Watcher) -> None:
    with own_valkey.away():
        await until(lambda: not watcher.store.notifications._subscribed.is_set())
    await until(lambda: watcher.gaps == 2, within_s=2.0)
    await watcher.store.connection.wait_up()
    await made(watcher.store)
    await until(lambda: watcher.received)


async def test_silent_subscription_is_renewed(own_valkey: Valkey, watcher: Watcher) -> None:
    with own_valkey.paused():
        await until(
            lambda: not watcher.store.notifications._subscribed.is_set(), within_s=SILENCE_TIMEOUT_S + 1
        )
    await until(lambda: watcher.gaps >= 2, within_s=2.0)


async def test_heartbeats_keep_quiet_subscription(watcher: Watcher) -> None:
    with pytest.raises(AssertionError):
        await until(lambda: watcher.gaps > 1, within_s=SILENCE_TIMEOUT_S + 0.5)


async def test_failing_callback_does_not_affect_others(watcher: Watcher) -> None:
    others: list[ChangeNotification] = []
    watcher.store.notifications.on_change(lambda notice: 1 / 0)
    watcher.store.notifications.on_change(others.append)
    await made(watcher.store)
    await made(watcher.store)
    await until(lambda: len(others) == 2)


async def test_unknown_message_is_ignored(watcher: Watcher) -> None:
    connection = watcher.store.connection
    for text in (b"", b"a b c d e", b"what?", b"poll x 00 y"):
        await connection.command("PUBLISH", b"pw:changes", text)
    await made(watcher.store)
    await until(lambda: len(watcher.received) == 1)
    assert watcher.gaps == 1


async def test_changed_poll_is_evicted_from_cache(watcher: Watcher, own_valkey: Valkey) -> None:
    ours = watcher.store
    theirs = await open_store(own_valkey.url)
    record = await made(theirs)
    await ours.polls.get(record.poll.id)
    await cast(theirs, record, BallotInput(a_voter(), "A"))
    await until(lambda: len(watcher.received) == 2)
    assert ours.polls.cached(record.poll.id) is not None
    await theirs.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await until(lambda: ours.polls.cached(record.poll.id) is None)
    await ours.polls.get(record.poll.id)
    await theirs.polls.delete(record.poll.id)
    await until(lambda: ours.polls.cached(record.poll.id) is None)
    await theirs.close()
