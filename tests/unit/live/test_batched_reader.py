"""Who is answered by which read."""

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
from tests.unit.live.readers import EPOCH, NOW, Listener, a_record
from tests.wait import until

POLL = a_poll(id="lunch")


class Totals:
    """Something to read from: each read says what was true when it began, once it is let go on."""

    def __init__(self) -> None:
        self.voters = 1
        self.batches: list[Sequence[str]] = []
        self.allowed = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    def go_on(self, reads: int = 100) -> None:
        """Lets so many reads come to their end."""
        for _ in range(reads):
            self.allowed.release()

    async def read_many(self, polls: Sequence[str]) -> dict[str, PollReading | PollwireError]:
        self.batches.append(polls)
        tally = Tally(epoch=EPOCH, seq=self.voters, voters=self.voters, counts={}, now=NOW)
        await self.allowed.acquire()
        if self.failure is not None:
            raise self.failure
        return {poll: PollReading(a_record(POLL), tally) for poll in polls}


def reads_of(totals: Totals, hub: Hub | None = None) -> BatchedReader:
    hub = hub or Hub()
    return BatchedReader(totals.read_many, arrived=hub.publish, failed=lambda poll, error: None)


async def under_way(totals: Totals) -> None:
    """Returns once the first read has begun."""
    await until(lambda: totals.batches)


async def test_who_comes_during_a_read_is_answered_by_the_next() -> None:
    """The read that was under way answers those who asked before it, and nobody else."""
    totals = Totals()
    reads = reads_of(totals)
    early = asyncio.create_task(reads.fresh("lunch"))
    await under_way(totals)
    totals.voters = 2
    late = [asyncio.create_task(reads.fresh("lunch")) for _ in range(3)]
    await asyncio.sleep(0)
    totals.go_on()
    assert (await early).whole.results.voters == 1
    assert {(await one).whole.results.voters for one in late} == {2}
    assert len(totals.batches) == 2


async def test_who_begins_to_watch_during_a_read_is_not_shown_it() -> None:
    """The first frame comes from a read that began after its reader."""
    totals, hub, early, late = Totals(), Hub(), Listener(), Listener()
    reads = reads_of(totals, hub)
    hub.watch("lunch", early, ReaderRole.PUBLIC, reads.next_batch)
    reads.ask("lunch")
    await under_way(totals)
    totals.voters = 2
    hub.watch("lunch", late, ReaderRole.PUBLIC, reads.next_batch)
    reads.ask("lunch")
    totals.go_on(1)
    await until(lambda: early.voters == [1])
    assert late.frames == []
    totals.go_on(1)
    await until(lambda: late.voters == [2])


async def test_polls_share_a_round_trip() -> None:
    """Whatever is asked for at one moment is read together, each poll once."""
    totals = Totals()
    totals.go_on()
    reads = reads_of(totals)
    await asyncio.gather(*(reads.fresh(poll) for poll in ("a", "b", "a", "c")))
    assert totals.batches == [["a", "b", "c"]]


async def test_a_round_trip_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More polls than one turn takes wait for the next, and too many are refused."""
    monkeypatch.setattr(module, "MAX_BATCH_SIZE", 2)
    monkeypatch.setattr(module, "MOST_POLLS_WAITING", 5)
    totals = Totals()
    reads = reads_of(totals)
    asked = [asyncio.create_task(reads.fresh(f"p{number}")) for number in range(6)]
    totals.go_on()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [len(batch) for batch in totals.batches] == [2, 2, 1]
    assert [isinstance(outcome, ResultUpdate) for outcome in outcomes] == [True] * 5 + [False]
    assert isinstance(outcomes[5], Overloaded)


async def test_who_waits_is_told_together_that_the_store_is_away() -> None:
    """Those who came during a failing read do not wait for a time-out of their own."""
    totals = Totals()
    reads = reads_of(totals)
    asked = [asyncio.create_task(reads.fresh("a"))]
    await under_way(totals)
    asked += [asyncio.create_task(reads.fresh(poll)) for poll in ("a", "b")]
    await asyncio.sleep(0)
    totals.failure = StoreUnavailable()
    totals.go_on()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len(totals.batches) == 1


async def test_nobody_waits_for_ever() -> None:
    """A failure that nobody foresaw is told as one to be retried, and the next read works."""
    totals = Totals()
    totals.failure = RuntimeError("unforeseen")
    totals.go_on()
    reads = reads_of(totals)
    with pytest.raises(Overloaded):
        await reads.fresh("lunch")
    totals.failure = None
    assert (await reads.fresh("lunch")).whole.results.voters == 1


async def test_a_crowd_shares_its_reads() -> None:
    """However fast askers come, a turn that several shared is followed by none before its time."""
    totals = Totals()
    totals.go_on(10_000)
    reads, loop = reads_of(totals), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(100):
        await asyncio.gather(reads.fresh(POLL.id), reads.fresh(POLL.id))
    assert len(totals.batches) <= (loop.time() - began) / module.MIN_BATCH_INTERVAL_S + 1


async def test_somebody_alone_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads that nobody shares follow one another at once."""
    monkeypatch.setattr(module, "MIN_BATCH_INTERVAL_S", 3600)
    totals = Totals()
    totals.go_on()
    reads = reads_of(totals)
    assert [(await reads.fresh(POLL.id)).turn for _ in range(3)] == [1, 2, 3]
