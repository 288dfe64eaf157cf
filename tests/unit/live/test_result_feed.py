"""What changed in the store reaches those who watch, over a real store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from time import perf_counter

import pytest
from pollwire_server.domain.errors import PollNotFound, StoreUnavailable
from pollwire_server.domain.poll import Kind, Poll, Resolution
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_feed import ResultFeed, next_transition_at
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, LONG_AGO, a_poll, a_voter
from tests.unit.live.readers import NOW, Listener, a_change
from tests.valkey import Valkey
from tests.wait import until


@contextlib.asynccontextmanager
async def feeding(
    store: Store, *, hz: float = 100, sweep_s: float = 60, deaf: bool = False
) -> AsyncIterator[ResultFeed]:
    """A running feed; ``deaf``: no notice reaches it."""
    feed = ResultFeed(store, Hub(), stream_hz=hz, sweep_s=sweep_s)
    tasks = [asyncio.create_task(feed.run())]
    if not deaf:
        tasks.append(asyncio.create_task(store.notices.run()))
        await asyncio.wait_for(store.notices.subscribed(), 5)
    try:
        yield feed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def created(store: Store, **changes: object) -> PollRecord:
    record, _ = await store.polls.create(a_poll(**changes), "digest")
    return record


async def vote(store: Store, record: PollRecord, times: int = 1) -> None:
    """So many new voters choose the first option, one call each."""
    for _ in range(times):
        [reply] = await store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
        assert not isinstance(reply, Exception)
        assert reply.outcomes is not None


def watching(feed: ResultFeed, poll: Poll) -> Listener:
    listener = Listener()
    feed.watch(poll.id, listener, ReaderRole.PUBLIC)
    return listener


async def test_the_first_frame_is_the_whole(store: Store) -> None:
    """Who begins to watch is shown what the store has, whoever counted it."""
    record = await created(store)
    await vote(store, record, 3)
    async with feeding(store) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.voters == [3])


async def test_a_change_arrives_by_its_notice(store: Store) -> None:
    """A vote counted through another connection is shown without any sweep."""
    record = await created(store)
    async with feeding(store) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.voters == [0])
        await vote(store, record)
        await until(lambda: listener.voters == [0, 1])


async def test_a_lost_notice_is_made_good_by_the_sweep(store: Store) -> None:
    """A feed that hears nothing at all still ends on the truth."""
    record = await created(store)
    async with feeding(store, deaf=True, sweep_s=0.02) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.voters == [0])
        await vote(store, record, 5)
        await until(lambda: listener.voters[-1] == 5)


async def test_an_end_that_was_lost_is_made_good_by_the_sweep(store: Store) -> None:
    """A poll closed or deleted while no notice came is shown closed, and then gone."""
    record = await created(store)
    async with feeding(store, deaf=True, sweep_s=0.02) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.frames)
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
        await until(lambda: listener.frames[-1].results.final)
        await store.polls.delete(record.poll.id)
        await until(lambda: listener.lost == [record.poll.id])


async def test_changes_are_delivered_at_the_pace_and_the_last_one_always(store: Store) -> None:
    """The first change after quiet comes at once, those of a burst at the rate, and the last in any case."""
    record = await created(store)
    async with feeding(store, hz=10) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.frames)
        await until(lambda: asyncio.get_running_loop().time() > feed._watched[record.poll.id].next_at)
        del listener.times[:]
        began = perf_counter()
        await vote(store, record)
        await until(lambda: listener.times)
        assert listener.times[0] - began < 0.09  # within the interval: it did not wait for one
        while perf_counter() - began < 0.5:
            await vote(store, record)
        total = (await feed.read_fresh(record.poll.id)).whole.results.voters
        await until(lambda: listener.voters[-1] == total)
    since_first = [time - listener.times[0] for time in listener.times]
    assert all(passed > place * 0.1 - 0.03 for place, passed in enumerate(since_first))
    assert len(listener.times) <= 8


async def test_the_clock_closes_a_poll_for_its_watchers(store: Store) -> None:
    """At ``closes_at`` by the store's clock watchers are told, with no vote and no notice."""
    closes_at = await store.polls.now() + 150
    record = await created(store, closes_at=closes_at)
    async with feeding(store, deaf=True) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: [frame.results.phase for frame in listener.frames] == [Phase.OPEN, Phase.CLOSED])
        assert listener.frames[-1].results.final
        assert await store.polls.now() < closes_at + 300


async def test_the_clock_opens_a_poll_for_its_watchers(store: Store) -> None:
    """At ``opens_at`` watchers are told, too."""
    record = await created(store, opens_at=await store.polls.now() + 150)
    async with feeding(store, deaf=True) as feed:
        listener = watching(feed, record.poll)
        await until(
            lambda: [frame.results.phase for frame in listener.frames] == [Phase.SCHEDULED, Phase.OPEN]
        )


async def test_the_clock_cancels_an_overdue_prediction_for_its_watchers(store: Store) -> None:
    """At ``resolve_by`` watchers of an unresolved prediction of a series are told, with no notice."""
    now = await store.polls.now()
    due = {"kind": Kind.PREDICTION, "series": "cup", "closes_at": now - 1, "resolve_by": now + 150}
    record = await created(store, **due)
    async with feeding(store, deaf=True) as feed:
        listener = watching(feed, record.poll)
        await until(
            lambda: [frame.results.phase for frame in listener.frames] == [Phase.CLOSED, Phase.CANCELED]
        )


async def test_reads_of_one_moment_share_a_round_trip(store: Store) -> None:
    """A crowd that asks while a read is under way is answered by one more read, begun after they asked."""
    record = await created(store)
    async with feeding(store, deaf=True) as feed:
        reads = feed._reads
        first = asyncio.create_task(feed.read_fresh(record.poll.id))
        await until(lambda: reads._turn == 1)
        crowd = await asyncio.gather(*(feed.read_fresh(record.poll.id) for _ in range(100)))
        assert {change.turn for change in crowd} <= {reads._turn}
        assert reads._turn <= 2
        assert (await first).turn == 1


async def test_nobody_is_answered_by_a_read_that_began_before_they_asked(store: Store) -> None:
    """A read made after a vote was answered has that vote in it, however many reads are under way."""
    record = await created(store)
    async with feeding(store) as feed:
        for count in range(1, 30):
            others = [asyncio.create_task(feed.read_fresh(record.poll.id)) for _ in range(3)]
            await vote(store, record)
            assert (await feed.read_fresh(record.poll.id)).whole.results.voters == count
            await asyncio.gather(*others)


async def test_unknown_polls_are_not_found(store: Store) -> None:
    """A read of a poll that does not exist says so, and a watcher of one is told that it is gone."""
    async with feeding(store, deaf=True) as feed:
        with pytest.raises(PollNotFound):
            await feed.read_fresh("nowhere")
        listener = watching(feed, a_poll(id="nowhere"))
        await until(lambda: listener.lost == ["nowhere"])
        assert feed._watched == {}


async def test_nothing_is_kept_of_polls_that_nobody_watches(store: Store) -> None:
    """The last watcher's leaving cancels all that was booked for the poll."""
    record = await created(store, closes_at=FAR_OFF)
    async with feeding(store) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.frames)
        watched = feed._watched[record.poll.id]
        feed.unwatch(record.poll.id, listener)
        assert feed._watched == {}
        assert watched.moment is not None
        assert watched.moment.cancelled()


async def test_watchers_outlast_the_store(own_valkey: Valkey) -> None:
    """While the store is away watchers keep what they have; once it is back they are shown the truth."""
    store = await open_store(own_valkey.url, namespace="outage")
    record = await created(store)
    async with feeding(store, sweep_s=0.1) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.voters == [0])
        own_valkey.kill()
        with pytest.raises(StoreUnavailable):
            await feed.read_fresh(record.poll.id)
        late = watching(feed, record.poll)
        own_valkey.restart()
        await until(lambda: late.voters == [0])
        await vote(store, record, 2)
        await until(lambda: listener.voters[-1] == late.voters[-1] == 2)
        assert listener.lost == []
    await store.close()


async def test_a_due_poll_stays_due_while_the_store_is_away(own_valkey: Valkey) -> None:
    """Without any notice or sweep, a reader who came during the outage is shown the poll after it."""
    store = await open_store(own_valkey.url, namespace="retry")
    record = await created(store)
    async with feeding(store, deaf=True) as feed:
        own_valkey.kill()
        listener = watching(feed, record.poll)
        with pytest.raises(StoreUnavailable):
            await feed.read_fresh(record.poll.id)
        own_valkey.restart()
        await until(lambda: listener.voters == [0])
    await store.close()


async def test_an_emptied_store_ends_what_it_had(own_valkey: Valkey) -> None:
    """A poll that the store lost with all its data is gone for its watchers, and the process goes on."""
    store = await open_store(own_valkey.url, namespace="wiped")
    record = await created(store)
    async with feeding(store, sweep_s=0.1) as feed:
        listener = watching(feed, record.poll)
        await until(lambda: listener.frames)
        await store.connection.command("FLUSHALL")
        await until(lambda: listener.lost == [record.poll.id])
    await store.close()


def moments(**changes: object) -> Iterable[int | None]:
    poll = a_poll(**changes)
    return [next_transition_at(a_change(poll, now=now)) for now in (NOW, NOW + 10, NOW + 20)]


def test_the_next_moment_is_the_next_one_that_time_brings() -> None:
    """Opening, then closing, then nothing; an open end and a passed opening move nothing."""
    assert moments(opens_at=NOW + 10, closes_at=NOW + 20) == [NOW + 10, NOW + 20, None]
    assert moments(opens_at=LONG_AGO) == [None, None, None]
    assert moments(visible_at=NOW + 20) == [NOW + 20, NOW + 20, None]
    assert moments(closes_at=NOW + 20, closed_at=NOW) == [None, None, None]
    assert moments(closed_at=NOW, resolve_by=NOW + 20) == [NOW + 20, NOW + 20, None]
    settled = Resolution(code="A", at=NOW, effective_at=NOW, by="ama", version=2)
    assert moments(closed_at=NOW, resolve_by=NOW + 20, resolution=settled) == [None, None, None]
