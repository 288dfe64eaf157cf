"""Batched reader: which read answers which request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pollwire_server.domain.errors import Overloaded, PollwireError, StoreUnavailable
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.live import batched_reader as module
from pollwire_server.live.batched_reader import BatchedReader
from pollwire_server.live.hub import Hub
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store.results.reader import PollReading

from tests.factories import a_poll
from tests.unit.live.readers import EPOCH, NOW, RecordingSubscriber, a_record
from tests.wait import until

POLL = a_poll(id="lunch")


class Totals:
    """Fake store. Each read returns the state at its start, once the test allows it to finish."""

    def __init__(self) -> None:
        self.voters = 1
        self.batches: list[Sequence[str]] = []
        self.allowed = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    def allow(self, reads: int = 100) -> None:
        """Allow this many reads to finish."""
        for _ in range(reads):
            self.allowed.release()

    async def read_many(self, polls: Sequence[str]) -> dict[str, PollReading | PollwireError]:
        self.batches.append(polls)
        tally = Tally(epoch=EPOCH, seq=self.voters, voters=self.voters, counts={}, now=NOW)
        await self.allowed.acquire()
        if self.failure is not None:
            raise self.failure
        return {poll: PollReading(a_record(POLL), tally) for poll in polls}


def reader_of(totals: Totals, hub: Hub | None = None) -> BatchedReader:
    hub = hub or Hub()

    def on_read(update: ResultUpdate) -> None:
        topic = hub.topic(update.poll.id)
        if topic is not None:
            hub.publish(topic, update)

    return BatchedReader(totals.read_many, on_read=on_read, on_failure=lambda poll, error: None)


async def read_started(totals: Totals) -> None:
    """Return once the first read has started."""
    await until(lambda: totals.batches)


async def test_request_during_read_is_answered_by_next_read() -> None:
    totals = Totals()
    reader = reader_of(totals)
    early = asyncio.create_task(reader.read_fresh("lunch"))
    await read_started(totals)
    totals.voters = 2
    late = [asyncio.create_task(reader.read_fresh("lunch")) for _ in range(3)]
    await asyncio.sleep(0)
    totals.allow()
    assert (await early).full.results.voters == 1
    assert {(await one).full.results.voters for one in late} == {2}
    assert len(totals.batches) == 2


async def test_subscriber_during_read_gets_first_frame_from_next_read() -> None:
    totals, hub, early, late = Totals(), Hub(), RecordingSubscriber(), RecordingSubscriber()
    reader = reader_of(totals, hub)
    hub.watch("lunch", early, ReaderRole.PUBLIC, reader.next_batch)
    reader.request("lunch")
    await read_started(totals)
    totals.voters = 2
    hub.watch("lunch", late, ReaderRole.PUBLIC, reader.next_batch)
    reader.request("lunch")
    totals.allow(1)
    await until(lambda: early.voters == [1])
    assert late.frames == []
    totals.allow(1)
    await until(lambda: late.voters == [2])


async def test_concurrent_requests_share_one_round_trip() -> None:
    totals = Totals()
    totals.allow()
    reader = reader_of(totals)
    await asyncio.gather(*(reader.read_fresh(poll) for poll in ("a", "b", "a", "c")))
    assert totals.batches == [["a", "b", "c"]]


async def test_batch_size_and_waiting_polls_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_SIZE", 2)
    monkeypatch.setattr(module, "MAX_WAITING_POLLS", 5)
    totals = Totals()
    reader = reader_of(totals)
    asked = [asyncio.create_task(reader.read_fresh(f"p{number}")) for number in range(6)]
    totals.allow()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [len(batch) for batch in totals.batches] == [2, 2, 1]
    assert [isinstance(outcome, ResultUpdate) for outcome in outcomes] == [True] * 5 + [False]
    assert isinstance(outcomes[5], Overloaded)


async def test_all_waiting_requests_fail_together_when_store_is_unavailable() -> None:
    """Requests that arrive during the failing read do not wait for a timeout of their own."""
    totals = Totals()
    reader = reader_of(totals)
    asked = [asyncio.create_task(reader.read_fresh("a"))]
    await read_started(totals)
    asked += [asyncio.create_task(reader.read_fresh(poll)) for poll in ("a", "b")]
    await asyncio.sleep(0)
    totals.failure = StoreUnavailable()
    totals.allow()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len(totals.batches) == 1


async def test_unexpected_failure_returns_overloaded_and_next_read_works() -> None:
    totals = Totals()
    totals.failure = RuntimeError("unexpected")
    totals.allow()
    reader = reader_of(totals)
    with pytest.raises(Overloaded):
        await reader.read_fresh("lunch")
    totals.failure = None
    assert (await reader.read_fresh("lunch")).full.results.voters == 1


async def test_shared_batches_keep_the_minimum_interval() -> None:
    totals = Totals()
    totals.allow(10_000)
    reader, loop = reader_of(totals), asyncio.get_running_loop()
    started_at = loop.time()
    for _ in range(100):
        await asyncio.gather(reader.read_fresh(POLL.id), reader.read_fresh(POLL.id))
    assert len(totals.batches) <= (loop.time() - started_at) / module.MIN_BATCH_INTERVAL_S + 1


async def test_single_requests_are_not_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_BATCH_INTERVAL_S", 3600)
    totals = Totals()
    totals.allow()
    reader = reader_of(totals)
    assert [(await reader.read_fresh(POLL.id)).batch for _ in range(3)] == [1, 2, 3]
