"""Reads of totals, gathered: one round trip at a time, and every asker gets a read that began later.

Whoever asks while a round trip is under way is answered by the next one, with
everybody else who asked meanwhile, for whichever polls. So a thousand readers
who arrive in one millisecond cost one read, and none of them is shown totals
that were read before they came. Turns number the round trips.

Where askers come faster than turns, a turn waits for company: one that follows
on a turn with company begins ``GATHER_S`` after that one began, so that a crowd
that joins shares a read by the dozen. Somebody alone is never kept waiting.

When the store does not answer, all who wait are told so together: each would
only have waited for a timeout of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from pollwire_server.domain.errors import Overloaded, PollwireError, StoreUnavailable
from pollwire_server.live.result_frames import ResultUpdate
from pollwire_server.store.results.reader import PollReading

log = logging.getLogger("pollwire.live")

ReadMany = Callable[[Sequence[str]], Awaitable[Mapping[str, PollReading | PollwireError]]]
Answered = Callable[[ResultUpdate | PollwireError], None]

MAX_BATCH_SIZE: Final = 256
"""Polls read in one round trip; decoding more would hold the loop for longer than a slice."""
MOST_POLLS_WAITING: Final = 20_000
"""Polls that may wait for their turn; they are read in well under a second."""
MIN_BATCH_INTERVAL_S: Final = 0.002
"""From one turn that several shared to the beginning of the next, at least; a turn takes a tenth of it."""
SLICE_S: Final = 0.005
"""Answering those who waited gives way to the loop after so long."""


class BatchedReader:
    """``ask`` for a poll; what is read goes to ``arrived`` or ``failed`` first, then to those who asked."""

    def __init__(
        self,
        read_many: ReadMany,
        *,
        arrived: Callable[[ResultUpdate], object],
        failed: Callable[[str, PollwireError], None],
    ) -> None:
        self._read_many = read_many
        self._arrived = arrived
        self._failed = failed
        self._waiting: dict[str, list[Answered]] = {}
        self._askers = 0  # of the turn to come
        self._turn = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def next_batch(self) -> int:
        """The first turn that has not begun: what it reads is fresh for whoever is here now."""
        return self._turn + 1

    def ask(self, poll_id: str, answered: Answered | None = None) -> None:
        """Has the poll read by a turn that begins from now on. Raises ``Overloaded`` where too many wait."""
        waiting = self._waiting.get(poll_id)
        if waiting is None:
            if answered is not None and len(self._waiting) >= MOST_POLLS_WAITING:
                raise Overloaded
            waiting = self._waiting[poll_id] = []
        if answered is not None:
            waiting.append(answered)
        self._askers += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="reads of totals")

    async def fresh(self, poll_id: str) -> ResultUpdate:
        """The poll as read after now. Raises ``PollNotFound``, ``StoreUnavailable``, ``Overloaded``."""
        future: asyncio.Future[ResultUpdate | PollwireError] = asyncio.get_running_loop().create_future()
        self.ask(poll_id, lambda outcome: None if future.done() else future.set_result(outcome))
        outcome = await future
        if isinstance(outcome, PollwireError):
            raise outcome.with_traceback(None)  # shared by all who waited; tracebacks would pile up in it
        return outcome

    async def _run(self) -> None:
        try:
            while self._waiting:
                began = time.perf_counter()
                was_shared = await self._take_turn()
                left_s = began + MIN_BATCH_INTERVAL_S - time.perf_counter()
                if was_shared and left_s > 0:
                    await asyncio.sleep(left_s)
        finally:
            self._task = None

    async def _take_turn(self) -> bool:
        """One round trip; whether several shared it."""
        self._turn += 1
        askers, self._askers = self._askers, 0
        batch = self._next_batch()
        readings = await self._read(list(batch))
        if all(isinstance(read, StoreUnavailable) for read in readings.values()):
            error = next(iter(readings.values()))
            readings |= dict.fromkeys(self._waiting, error)
            for poll_id, callers in self._waiting.items():
                batch.setdefault(poll_id, []).extend(callers)
            self._waiting = {}
        await self._answer(batch, readings)
        return askers > 1

    async def _read(self, polls: list[str]) -> dict[str, PollReading | PollwireError]:
        try:
            return dict(await self._read_many(polls))
        except PollwireError as error:
            return dict.fromkeys(polls, error)
        except Exception:  # whatever it was, nobody is left waiting for ever
            log.exception("Totals could not be read.")
            return dict.fromkeys(polls, Overloaded())

    def _next_batch(self) -> dict[str, list[Answered]]:
        if len(self._waiting) <= MAX_BATCH_SIZE:
            batch, self._waiting = self._waiting, {}
            return batch
        first = list(itertools.islice(self._waiting, MAX_BATCH_SIZE))
        return {poll: self._waiting.pop(poll) for poll in first}

    async def _answer(
        self, batch: Mapping[str, list[Answered]], readings: Mapping[str, PollReading | PollwireError]
    ) -> None:
        turn, since = self._turn, time.perf_counter()
        for poll_id, callers in batch.items():
            outcome = self._outcome(poll_id, readings[poll_id], turn)
            for answered in callers:
                answered(outcome)
                if time.perf_counter() - since >= SLICE_S:
                    await asyncio.sleep(0)
                    since = time.perf_counter()

    def _outcome(
        self, poll_id: str, read: PollReading | PollwireError, turn: int
    ) -> ResultUpdate | PollwireError:
        if isinstance(read, PollwireError):
            self._failed(poll_id, read)
            return read
        change = ResultUpdate(read, turn)
        self._arrived(change)
        return change
