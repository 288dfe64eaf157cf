"""Batched reader: reads the results of many polls in one round trip, one batch at a time.

Requests that arrive during a round trip are answered by the next one, together, for all their polls. So a
thousand clients that connect in one millisecond cost one read. Each request is answered by a batch that
started after the request, so no client receives results that were read earlier. Batches are numbered.

If requests arrive faster than batches complete, batches wait to collect more of them. A batch that follows a
shared batch starts at least ``MIN_BATCH_INTERVAL_S`` after that one started, so that many joining clients
share each read. A single request is never delayed.

If the store is unavailable, all waiting requests fail together. Each would only wait for its own timeout.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from pollwire_server.domain.errors import Overloaded, PollwireError, StoreUnavailable
from pollwire_server.domain.poll import Kind
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store.results.ranked import RankedReading
from pollwire_server.store.results.reader import PollReading

log = logging.getLogger("pollwire.live")

ReadMany = Callable[[Sequence[str]], Awaitable[Mapping[str, PollReading | PollwireError]]]
CountRunoff = Callable[[PollReading], Awaitable[RankedReading]]
OnRead = Callable[[ResultUpdate | PollwireError], None]

MAX_BATCH_SIZE: Final = 256
"""Polls in one round trip. Decoding more would block the event loop for longer than a slice."""
MAX_WAITING_POLLS: Final = 20_000
"""Polls that may wait for a batch. They are read in well under a second."""
MIN_BATCH_INTERVAL_S: Final = 0.002
"""Least time from the start of a shared batch to the start of the next. A batch takes a tenth of it."""
MAX_OPEN_RANKINGS: Final = 10_000
"""Voters of an open ranked poll up to which streams show who leads. Each change needs another count."""
RUNOFF_WAIT_S: Final = 0.05
"""Longest time that a batch waits for the instant runoff of its ranked polls. A later read has the rest."""
SLICE_S: Final = 0.005
"""Longest time that answering requests may block the event loop."""


class BatchedReader:
    """Reads polls on request. Calls ``on_read`` or ``on_failure``, then the callbacks of the requests."""

    def __init__(
        self,
        read_many: ReadMany,
        *,
        on_read: Callable[[ResultUpdate], object],
        on_failure: Callable[[str, PollwireError], None],
        count_runoff: CountRunoff | None = None,
    ) -> None:
        self._count_runoff = count_runoff
        self._runoffs: set[asyncio.Task[RankedReading]] = set()
        self._read_many = read_many
        self._on_read = on_read
        self._on_failure = on_failure
        self._waiting: dict[str, list[OnRead]] = {}
        self._request_count = 0  # of the next batch
        self._batch = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def next_batch(self) -> int:
        """Return the number of the first batch that has not started. It is fresh for requests made now."""
        return self._batch + 1

    def request(self, poll_id: str, on_read: OnRead | None = None) -> None:
        """Read the poll in a batch that starts after this call.

        Raises ``Overloaded`` if ``on_read`` is given and too many polls wait.
        """
        callbacks = self._waiting.get(poll_id)
        if callbacks is None:
            if on_read is not None and len(self._waiting) >= MAX_WAITING_POLLS:
                raise Overloaded
            callbacks = self._waiting[poll_id] = []
        if on_read is not None:
            callbacks.append(on_read)
        self._request_count += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="batched reader")

    async def read_fresh(self, poll_id: str) -> ResultUpdate:
        """Return the poll from a read that starts after this call.

        Raises ``PollNotFound``, ``StoreUnavailable``, ``Overloaded``.
        """
        future: asyncio.Future[ResultUpdate | PollwireError] = asyncio.get_running_loop().create_future()
        self.request(poll_id, lambda result: None if future.done() else future.set_result(result))
        result = await future
        if isinstance(result, PollwireError):
            raise result.with_traceback(None)  # shared by all requests; tracebacks would pile up in it
        return result

    async def _run(self) -> None:
        try:
            while self._waiting:
                started_at = time.perf_counter()
                was_shared = await self._run_batch()
                remaining_s = started_at + MIN_BATCH_INTERVAL_S - time.perf_counter()
                if was_shared and remaining_s > 0:
                    await asyncio.sleep(remaining_s)
        finally:
            self._task = None

    async def _run_batch(self) -> bool:
        """Read one batch and answer its requests. Return True if several requests shared it."""
        self._batch += 1
        request_count, self._request_count = self._request_count, 0
        batch = self._take_batch()
        readings = await self._read(list(batch))
        if all(isinstance(reading, StoreUnavailable) for reading in readings.values()):
            error = next(iter(readings.values()))
            readings |= dict.fromkeys(self._waiting, error)
            for poll_id, callbacks in self._waiting.items():
                batch.setdefault(poll_id, []).extend(callbacks)
            self._waiting = {}
        await self._answer(batch, readings, await self._counted(readings))
        return request_count > 1

    async def _counted(self, readings: Mapping[str, PollReading | PollwireError]) -> dict[str, RankedReading]:
        """Return the ranked polls of the batch with their runoff. Polls that take longer are read again."""
        tasks = {
            poll_id: asyncio.create_task(self._runoff_of(reading), name="runoff")
            for poll_id, reading in readings.items()
            if isinstance(reading, PollReading) and self._needs_runoff(reading)
        }
        if not tasks:
            return {}
        done, late = await asyncio.wait(tasks.values(), timeout=RUNOFF_WAIT_S)
        for poll_id, task in tasks.items():
            if task in late:
                self._runoffs.add(task)
                task.add_done_callback(functools.partial(self._on_late_runoff, poll_id))
        return {
            poll_id: task.result()
            for poll_id, task in tasks.items()
            if task in done and task.exception() is None
        }

    def _needs_runoff(self, reading: PollReading) -> bool:
        if self._count_runoff is None or reading.record.poll.kind is not Kind.RANKED:
            return False
        phase = reading.record.poll.phase(reading.tally.now)
        return phase.is_over or reading.tally.voters <= MAX_OPEN_RANKINGS

    async def _runoff_of(self, reading: PollReading) -> RankedReading:
        assert self._count_runoff is not None, "checked by _needs_runoff"
        return await self._count_runoff(reading)

    def _on_late_runoff(self, poll_id: str, task: asyncio.Task[RankedReading]) -> None:
        self._runoffs.discard(task)
        if not task.cancelled() and task.exception() is None and task.result().outcome is not None:
            self.request(poll_id)  # finds the runoff in the cache

    async def _read(self, polls: list[str]) -> dict[str, PollReading | PollwireError]:
        try:
            return dict(await self._read_many(polls))
        except PollwireError as error:
            return dict.fromkeys(polls, error)
        except Exception:  # an unexpected failure must not leave requests unanswered
            log.exception("Results could not be read")
            return dict.fromkeys(polls, Overloaded())

    def _take_batch(self) -> dict[str, list[OnRead]]:
        if len(self._waiting) <= MAX_BATCH_SIZE:
            batch, self._waiting = self._waiting, {}
            return batch
        first = list(itertools.islice(self._waiting, MAX_BATCH_SIZE))
        return {poll_id: self._waiting.pop(poll_id) for poll_id in first}

    async def _answer(
        self,
        batch: Mapping[str, list[OnRead]],
        readings: Mapping[str, PollReading | PollwireError],
        counted: Mapping[str, RankedReading],
    ) -> None:
        number, slice_started_at = self._batch, time.perf_counter()
        for poll_id, callbacks in batch.items():
            result = self._result(poll_id, readings[poll_id], number, counted.get(poll_id))
            for on_read in callbacks:
                on_read(result)
                if time.perf_counter() - slice_started_at >= SLICE_S:
                    await asyncio.sleep(0)
                    slice_started_at = time.perf_counter()

    def _result(
        self,
        poll_id: str,
        reading: PollReading | PollwireError,
        batch: int,
        counted: RankedReading | None,
    ) -> ResultUpdate | PollwireError:
        if isinstance(reading, PollwireError):
            self._on_failure(poll_id, reading)
            return reading
        if counted is None:
            update = ResultUpdate(reading, batch)
        else:
            update = ResultUpdate(counted.reading, batch, counted.outcome, with_rounds=False)
        self._on_read(update)
        return update
