"""Votes of one instant become one call to the store.

How. A vote that is ready to be counted is put into the *gathering*, a batch
sorted by poll. If no call is under way, one begins at the next turn of the
event loop, with everything that the sockets readable in this turn brought;
while it is under way, the next batch gathers, and follows as soon as the call
has returned. So at most one batch is in flight and one gathering. A batch is
one pipeline, one round trip, with one ``cast`` for each poll in it (for a very
hot one, several, so that none holds the store for more than a few
milliseconds). The batch grows by itself with the load: a lone vote waits for
nobody, and at 20,000 votes a second some hundred share a call. No timer, no
size to tune.

Why. A call per vote costs the service ~100 us for the client library alone
and the store one fsync each. One call for 100 votes costs each a few us here,
2 us there, and a hundredth of an fsync. Handing every vote to a queue and
waking a task for each would give half of that back, so a vote's way is two
appends and, later, one callback. The alternative, gathering for a fixed few
milliseconds, makes the quiet hour slower and the busy one no faster.

What is guaranteed.

- A callback is called exactly once for every vote that was taken, within
  ``DEADLINE_S`` of its arrival: the batch's oldest vote sets one timer for all
  of the batch. What is still unanswered then is told ``StoreUnavailable``.
- A vote so answered may have been counted all the same. Sending it again is
  safe, since the store looks the voter's standing choice up first.
- When a call fails, what gathered behind it fails with it, at once: those
  votes were never sent, and waiting for the same store would only make them
  late. The next vote to arrive tries the store anew.
- A vote does not depend on its sender staying: once taken it is counted,
  whether or not anybody waits for the answer. It counts once in any case.
- The order of arrival is kept among votes for one poll.
- Memory is bounded: beyond ``MOST_WAITING`` gathered votes the next one is
  refused (``Overloaded``) before anything was done for it. At the measured
  rate of the store those are answered well within the deadline.
- A call is never cancelled. A client library that is cancelled between a
  command and its reply may hand the next caller the wrong reply; an overdue
  call ends by the connection's own timeouts, and only its answers are dropped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from pollwire_server.domain.errors import Overloaded, PollwireError, StoreUnavailable
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, CastReply
from pollwire_server.telemetry.metrics import BATCH_SECONDS, BATCH_VOTES, VOTES_UNANSWERED

log = logging.getLogger("pollwire.recorder")

DEADLINE_S: Final = 0.9
"""From a vote's arrival to its answer; the contract allows 1 s, and the answer has to travel."""
MAX_QUEUED: Final = 3_000
"""Votes gathered behind a call: with as many in flight what a worker answers well within the deadline."""
MOST_PER_CAST: Final = 500
"""Ballots of one poll in one step of the store, which does nothing else meanwhile: ~2 ms."""

_CALLBACK_FAILED: Final = "an answer to a vote could not be given"
_VOTES_OVERLOADED = VOTES_UNANSWERED.labels("overloaded")
_UNCERTAIN = VOTES_UNANSWERED.labels("store-unavailable")

OnCounted = Callable[["CastReply | PollwireError", "BallotOutcome | None"], None]
"""Told the reply for the vote's poll and the vote's own outcome.

The outcome is None where the reply is an error, or says that the poll was
edited since the record that the vote was judged by (nothing was written).
"""


class BallotStore(Protocol):
    """What the recorder needs of the store (``service.store.ballots.Ballots``)."""

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """One round trip; a reply for each batch, in order."""


class VoteBatcher:
    """Gathers votes and takes them to the store. For one event loop, like everything here."""

    __slots__ = ("_ballots", "_gathering", "_runner")

    def __init__(self, ballots: BallotStore) -> None:
        self._ballots = ballots
        self._gathering: _Batch | None = None
        self._runner: asyncio.Task[None] | None = None

    def submit(self, record: PollRecord, cast: BallotInput, counted: OnCounted) -> None:
        """Takes a vote; ``counted`` is called once, later, from the event loop. Raises ``Overloaded``."""
        batch = self._gathering
        if batch is None:
            batch = self._open()
        elif batch.size >= MAX_QUEUED:
            _VOTES_OVERLOADED.inc()
            raise Overloaded
        batch.size += 1
        group = batch.groups.get(id(record))
        if group is None:
            group = batch.groups[id(record)] = _Group(record)
        group.casts.append(cast)
        group.waiting.append(counted)

    @property
    def is_full(self) -> bool:
        """Whether the next vote would be refused."""
        return self._gathering is not None and self._gathering.size >= MAX_QUEUED

    def count_rejected(self) -> None:
        """Counts a vote that was refused for that before it came here."""
        _VOTES_OVERLOADED.inc()

    @property
    def waiting(self) -> int:
        """How many votes have gathered behind the call under way."""
        return 0 if self._gathering is None else self._gathering.size

    async def wait_until_idle(self) -> None:
        """Returns once every vote taken so far has been answered."""
        while self._runner is not None:
            await asyncio.wait([self._runner])

    def _open(self) -> _Batch:
        loop = asyncio.get_running_loop()
        batch = self._gathering = _Batch()
        batch.timer = loop.call_later(DEADLINE_S, self._expire, batch)
        if self._runner is None:
            self._runner = loop.create_task(self._run(), name="recorder")
        return batch

    async def _run(self) -> None:
        """Takes batch after batch to the store until none has gathered."""
        try:
            while (batch := self._gathering) is not None:
                self._gathering = None
                await self._record(batch)
        finally:
            self._runner = None

    async def _record(self, batch: _Batch) -> None:
        calls = batch.calls()
        try:
            replies = await self._ballots.cast_many([(group.record, group.casts) for group in calls])
        except PollwireError as error:
            self._refuse_all(batch, error)
        except Exception:  # nothing foreseen; whoever waits is told to come back
            log.exception("votes could not be taken to the store")
            self._refuse_all(batch, Overloaded())
        except asyncio.CancelledError:  # the loop is being torn down under us
            self._refuse_all(batch, StoreUnavailable())
            raise
        else:
            batch.answer(calls, replies)
            if all(isinstance(reply, StoreUnavailable) for reply in replies):
                self._refuse_all(batch, StoreUnavailable())

    def _refuse_all(self, batch: _Batch, error: PollwireError) -> None:
        """Tells those in flight, and those gathered behind them, that it will not be now."""
        batch.refuse(error)
        behind, self._gathering = self._gathering, None
        if behind is not None:
            behind.refuse(error)

    def _expire(self, batch: _Batch) -> None:
        if self._gathering is batch:
            self._gathering = None
        batch.refuse(StoreUnavailable())


class _Group:
    """The votes of a batch that were judged by one record of one poll."""

    __slots__ = ("casts", "record", "waiting")

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self.casts: list[BallotInput] = []
        self.waiting: list[OnCounted] = []

    def split(self) -> list[_Group]:
        """The group in parts that the store may take in one step each, in order."""
        if len(self.casts) <= MOST_PER_CAST:
            return [self]
        return [self._part(start) for start in range(0, len(self.casts), MOST_PER_CAST)]

    def _part(self, start: int) -> _Group:
        part = _Group(self.record)
        part.casts = self.casts[start : start + MOST_PER_CAST]
        part.waiting = self.waiting[start : start + MOST_PER_CAST]
        return part


class _Batch:
    """What goes to the store in one round trip, and who waits for it. Answered once."""

    __slots__ = ("began_at", "groups", "is_answered", "size", "timer")

    def __init__(self) -> None:
        # By identity: a batch keeps its records alive, and two reads of one poll may differ.
        self.groups: dict[int, _Group] = {}
        self.size = 0
        self.began_at = time.monotonic()
        self.timer: asyncio.TimerHandle | None = None
        self.is_answered = False

    def calls(self) -> list[_Group]:
        """The steps of the store that the batch takes."""
        return [part for group in self.groups.values() for part in group.split()]

    def answer(self, calls: list[_Group], replies: list[CastReply | PollwireError]) -> None:
        """Tells everybody what became of their vote, unless that was too late."""
        if self._close():
            BATCH_VOTES.observe(self.size)
            BATCH_SECONDS.observe(time.monotonic() - self.began_at)
            for group, reply in zip(calls, replies, strict=True):
                outcomes = None if isinstance(reply, PollwireError) else reply.outcomes
                if outcomes is None:
                    _tell_all(group.waiting, reply)
                else:
                    for counted, outcome in zip(group.waiting, outcomes, strict=True):
                        try:
                            counted(reply, outcome)
                        except Exception:  # it must not cost the others their answers
                            log.exception(_CALLBACK_FAILED)

    def refuse(self, error: PollwireError) -> None:
        """Tells everybody who still waits that it will not be now."""
        if self._close():
            _UNCERTAIN.inc(self.size)
            for group in self.groups.values():
                _tell_all(group.waiting, error)

    def _close(self) -> bool:
        """Whether nobody was told anything yet."""
        if self.timer is not None:
            self.timer.cancel()
        was_answered, self.is_answered = self.is_answered, True
        return not was_answered


def _tell_all(waiting: list[OnCounted], reply: CastReply | PollwireError) -> None:
    for counted in waiting:
        try:
            counted(reply, None)
        except Exception:  # as above
            log.exception(_CALLBACK_FAILED)
