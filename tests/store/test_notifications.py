"""Notices: told at once, and never trusted to be complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from pollwire_server.domain.poll import Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.notifications import SILENCE_S, ChangeNotification
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey
from tests.wait import until


class Watcher:
    """Somebody who hears notices."""

    def __init__(self, store: Store) -> None:
        self.heard: list[ChangeNotification] = []
        self.gaps = 0
        store.notifications.on_change(self.heard.append)
        store.notifications.on_gap(self._gap)
        self.task = asyncio.create_task(store.notifications.run())
        self.store = store

    def _gap(self) -> None:
        self.gaps += 1

    async def leave(self) -> None:
        """Stop listening."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def watcher(own_valkey: Valkey) -> AsyncIterator[Watcher]:
    """A listener, subscribed, on a server that the test may harm."""
    store = await open_store(own_valkey.url)
    watching = Watcher(store)
    await store.notifications.subscribed()
    yield watching
    await watching.leave()
    await store.close()


async def test_what_changes_is_told(watcher: Watcher) -> None:
    """Creating, counting, editing, acting and deleting are told with version and position, in order."""
    store = watcher.store
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "B"))
    epoch = (await tally_of(store, record)).epoch
    edited = msgspec.structs.replace(record.poll, question="Which?")
    await store.polls.edit(record, edited, assumes_unvoted=False)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.delete(record.poll.id)
    await until(lambda: len(watcher.heard) == 5)
    name = record.poll.id
    assert watcher.heard == [
        ChangeNotification(name, 1, epoch, 0),
        ChangeNotification(name, 1, epoch, 2),
        ChangeNotification(name, 2, epoch, 2),
        ChangeNotification(name, 3, epoch, 2),
        ChangeNotification(name, 0, "", 0, gone=True),
    ]


async def test_a_vote_taken_back_is_told(watcher: Watcher) -> None:
    """A withdrawal gives notice of the position after it; its repeat gives none."""
    store, voter = watcher.store, a_voter()
    record = await made(store, revote=Revote.WITHDRAW)
    await cast(store, record, BallotInput(voter, "A"))
    await store.ballots.withdraw(record, voter)
    await store.ballots.withdraw(record, voter)
    await cast(store, record, BallotInput(voter, "B"))
    await until(lambda: len(watcher.heard) == 4)
    assert [notice.seq for notice in watcher.heard] == [0, 1, 2, 3]


async def test_what_does_not_change_is_not_told(watcher: Watcher) -> None:
    """A batch that changed nothing gives no notice."""
    store, voter = watcher.store, a_voter()
    record = await made(store)
    await cast(store, record, BallotInput(voter, "A"))
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    await store.polls.act(record.poll.id, LifecycleAction.OPEN)
    await cast(store, record, BallotInput(a_voter(), "C"))
    await until(lambda: len(watcher.heard) == 3)
    assert [notice.seq for notice in watcher.heard] == [0, 1, 2]


async def test_a_first_subscription_is_a_gap(watcher: Watcher) -> None:
    """Whoever subscribes is told once that anything may have happened before."""
    assert watcher.gaps == 1


async def test_a_killed_store_is_a_gap(own_valkey: Valkey, watcher: Watcher) -> None:
    """After an outage there is a subscription again within two seconds of the return, a gap, and notices."""
    with own_valkey.away():
        await until(lambda: not watcher.store.notifications._subscribed.is_set())
    await until(lambda: watcher.gaps == 2, within_s=2.0)
    await watcher.store.connection.wait_up()
    await made(watcher.store)
    await until(lambda: watcher.heard)


async def test_a_silent_store_is_a_gap(own_valkey: Valkey, watcher: Watcher) -> None:
    """A subscription that hears nothing, not even its own heartbeat, is given up and made anew."""
    with own_valkey.paused():
        await until(lambda: not watcher.store.notifications._subscribed.is_set(), within_s=SILENCE_S + 1)
    await until(lambda: watcher.gaps >= 2, within_s=2.0)


async def test_a_quiet_store_is_no_gap(watcher: Watcher) -> None:
    """Where nothing happens, heartbeats keep the subscription from being taken for dead."""
    with pytest.raises(AssertionError):
        await until(lambda: watcher.gaps > 1, within_s=SILENCE_S + 0.5)


async def test_a_listener_that_fails(watcher: Watcher) -> None:
    """One listener's fault takes nothing from the others."""
    others: list[ChangeNotification] = []
    watcher.store.notifications.on_change(lambda notice: 1 / 0)
    watcher.store.notifications.on_change(others.append)
    await made(watcher.store)
    await made(watcher.store)
    await until(lambda: len(others) == 2)


async def test_a_message_of_another_release(watcher: Watcher) -> None:
    """What is not understood is passed over."""
    connection = watcher.store.connection
    for text in (b"", b"a b c d e", b"what?", b"poll x 00 y"):
        await connection.command("PUBLISH", b"pw:changes", text)
    await made(watcher.store)
    await until(lambda: len(watcher.heard) == 1)
    assert watcher.gaps == 1


async def test_a_held_poll_is_let_go(watcher: Watcher, own_valkey: Valkey) -> None:
    """A poll that another process edited or deleted is no longer held; one that was voted on still is."""
    ours = watcher.store
    theirs = await open_store(own_valkey.url)
    record = await made(theirs)
    await ours.polls.get(record.poll.id)
    await cast(theirs, record, BallotInput(a_voter(), "A"))
    await until(lambda: len(watcher.heard) == 2)
    assert ours.polls.cached(record.poll.id) is not None
    await theirs.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await until(lambda: ours.polls.cached(record.poll.id) is None)
    await ours.polls.get(record.poll.id)
    await theirs.polls.delete(record.poll.id)
    await until(lambda: ours.polls.cached(record.poll.id) is None)
    await theirs.close()
