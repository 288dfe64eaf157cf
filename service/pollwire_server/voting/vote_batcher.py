"""Batcher of votes: the votes that arrive together become one call to the store.

Mechanism. A validated vote is added to the *pending batch*, grouped by poll. If no call is in flight, one
starts at the next pass of the event loop, with the votes of all sockets that were readable in this pass.
While it is in flight, the next batch collects. It starts as soon as the call has returned. So at most one
batch is in flight and one is pending.

A batch is one pipeline and one round trip, with one ``cast`` call for each poll. A poll with very many votes
gets several calls, so that none blocks the store for more than a few milliseconds. The batch size adapts to
the load: a single vote does not wait, and at 20,000 votes a second some hundred votes share a call. There is
no timer and no size to tune.

Reasons. One call for each vote costs the service about 100 us in the client library alone, and the store one
fsync. One call for 100 votes costs each vote a few us here, 2 us in the store, and a hundredth of an fsync. A
queue that wakes a task for each vote would lose half of that gain. A vote therefore costs two appends and one
later callback. The alternative is to collect votes for a fixed few milliseconds. It makes quiet times slower
and busy times no faster.

Guarantees.

- The callback is called exactly once for every accepted vote, within ``DEADLINE_S`` of its arrival. The
  oldest vote of a batch sets one timer for the whole batch. Votes without a result by then get
  ``StoreUnavailable``.
- Such a vote may still be counted. It is safe to send it again, because the store looks up the voter's
  current vote first.
- When a call fails completely, the pending batch fails with it at once. Its votes were never sent, and
  waiting for the same store would only delay them. The next vote tries the store again.
- A vote does not depend on its connection. Once accepted, it is counted even if the client disconnects. It
  counts once.
- Votes for one poll keep their order of arrival.
- Memory is bounded. Beyond ``MAX_QUEUED`` pending votes, the next vote is rejected (``Overloaded``) before
  any work is done for it. At the measured rate of the store, the pending votes get their results well within
  the deadline.
- A call is never cancelled. If a client library is cancelled between a command and its reply, the next caller
  may receive the wrong reply. An overdue call ends by the timeouts of the connection, and only its results
  are dropped.
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

log = logging.getLogger("pollwire.voting")

DEADLINE_S: Final = 0.9
"""From a vote's arrival to its response. The contract allows 1 s, including the network."""
MAX_QUEUED: Final = 3_000
"""Pending votes. With as many in flight, a worker still responds well within the deadline."""
MAX_PER_CAST: Final = 500
"""Ballots of one poll in one ``cast`` call, which blocks the store for about 2 ms."""

_CALLBACK_FAILED: Final = "Response to a vote failed"
_VOTES_OVERLOADED = VOTES_UNANSWERED.labels("overloaded")
_UNCERTAIN = VOTES_UNANSWERED.labels("store-unavailable")

OnCounted = Callable[["CastReply | PollwireError", "BallotOutcome | None"], None]
"""Called with the reply for the poll and the outcome of the vote.

The outcome is None if the reply is an error, or if the poll changed after the vote was validated. In the
second case nothing was written.
"""


class BallotStore(Protocol):
    """Interface of the store for ballots (``store.votes.ballots.Ballots``)."""

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Cast all ballots in one round trip. Return one reply for each pair, in order."""


class VoteBatcher:
    """Batcher between the vote service and the store. For one event loop."""

    __slots__ = ("_ballots", "_pending", "_runner")

    def __init__(self, ballots: BallotStore) -> None:
        self._ballots = ballots
        self._pending: _Batch | None = None
        self._runner: asyncio.Task[None] | None = None

    def submit(self, record: PollRecord, ballot: BallotInput, on_counted: OnCounted) -> None:
        """Add a vote. ``on_counted`` is called once, later, from the event loop. Raises ``Overloaded``."""
        batch = self._pending
        if batch is None:
            batch = self._open()
        elif batch.size >= MAX_QUEUED:
            _VOTES_OVERLOADED.inc()
            raise Overloaded
        batch.size += 1
        group = batch.groups.get(id(record))
        if group is None:
            group = batch.groups[id(record)] = _Group(record)
        group.ballots.append(ballot)
        group.callbacks.append(on_counted)

    @property
    def is_full(self) -> bool:
        """True if the next vote would be rejected."""
        return self._pending is not None and self._pending.size >= MAX_QUEUED

    def count_rejected(self) -> None:
        """Count a vote that the caller rejected because ``is_full`` is true."""
        _VOTES_OVERLOADED.inc()

    @property
    def waiting(self) -> int:
        """Number of votes in the pending batch."""
        return 0 if self._pending is None else self._pending.size

    async def wait_until_idle(self) -> None:
        """Wait until every accepted vote has its result."""
        while self._runner is not None:
            await asyncio.wait([self._runner])

    def _open(self) -> _Batch:
        loop = asyncio.get_running_loop()
        batch = self._pending = _Batch()
        batch.timer = loop.call_later(DEADLINE_S, self._expire, batch)
        if self._runner is None:
            self._runner = loop.create_task(self._run(), name="vote batcher")
        return batch

    async def _run(self) -> None:
        """Send batches to the store until none is pending."""
        try:
            while (batch := self._pending) is not None:
                self._pending = None
                await self._send(batch)
        finally:
            self._runner = None

    async def _send(self, batch: _Batch) -> None:
        calls = batch.calls()
        try:
            replies = await self._ballots.cast_many([(group.record, group.ballots) for group in calls])
        except PollwireError as error:
            self._reject_all(batch, error)
        except Exception:  # unexpected; the clients may retry
            log.exception("Batch of votes failed")
            self._reject_all(batch, Overloaded())
        except asyncio.CancelledError:  # the event loop is closing
            self._reject_all(batch, StoreUnavailable())
            raise
        else:
            batch.resolve(calls, replies)
            if all(isinstance(reply, StoreUnavailable) for reply in replies):
                self._reject_all(batch, StoreUnavailable())

    def _reject_all(self, batch: _Batch, error: PollwireError) -> None:
        """Reject the votes in flight and the pending votes."""
        batch.reject(error)
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.reject(error)

    def _expire(self, batch: _Batch) -> None:
        if self._pending is batch:
            self._pending = None
        batch.reject(StoreUnavailable())


class _Group:
    """The votes of a batch that were validated against one record of a poll."""

    __slots__ = ("ballots", "callbacks", "record")

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self.ballots: list[BallotInput] = []
        self.callbacks: list[OnCounted] = []

    def split(self) -> list[_Group]:
        """Split the group into parts of at most ``MAX_PER_CAST`` ballots, in order."""
        if len(self.ballots) <= MAX_PER_CAST:
            return [self]
        return [self._part(start) for start in range(0, len(self.ballots), MAX_PER_CAST)]

    def _part(self, start: int) -> _Group:
        part = _Group(self.record)
        part.ballots = self.ballots[start : start + MAX_PER_CAST]
        part.callbacks = self.callbacks[start : start + MAX_PER_CAST]
        return part


class _Batch:
    """The votes of one round trip and their callbacks. It is resolved or rejected once."""

    __slots__ = ("groups", "is_resolved", "size", "started_at", "timer")

    def __init__(self) -> None:
        # Keyed by id(record): the batch keeps its records alive, and two reads of a poll may differ.
        self.groups: dict[int, _Group] = {}
        self.size = 0
        self.started_at = time.monotonic()
        self.timer: asyncio.TimerHandle | None = None
        self.is_resolved = False

    def calls(self) -> list[_Group]:
        """Return the groups, split into calls."""
        return [part for group in self.groups.values() for part in group.split()]

    def resolve(self, calls: list[_Group], replies: list[CastReply | PollwireError]) -> None:
        """Pass each vote its outcome, unless the batch was rejected before."""
        if self._close():
            BATCH_VOTES.observe(self.size)
            BATCH_SECONDS.observe(time.monotonic() - self.started_at)
            for group, reply in zip(calls, replies, strict=True):
                outcomes = None if isinstance(reply, PollwireError) else reply.outcomes
                if outcomes is None:
                    _notify_all(group.callbacks, reply)
                else:
                    for on_counted, outcome in zip(group.callbacks, outcomes, strict=True):
                        try:
                            on_counted(reply, outcome)
                        except Exception:  # one failure must not affect the other votes
                            log.exception(_CALLBACK_FAILED)

    def reject(self, error: PollwireError) -> None:
        """Pass the error to all votes, unless the batch was resolved before."""
        if self._close():
            _UNCERTAIN.inc(self.size)
            for group in self.groups.values():
                _notify_all(group.callbacks, error)

    def _close(self) -> bool:
        """Mark the batch as resolved. Return False if it was resolved before."""
        if self.timer is not None:
            self.timer.cancel()
        was_resolved, self.is_resolved = self.is_resolved, True
        return not was_resolved


def _notify_all(callbacks: list[OnCounted], reply: CastReply | PollwireError) -> None:
    for on_counted in callbacks:
        try:
            on_counted(reply, None)
        except Exception:  # as above
            log.exception(_CALLBACK_FAILED)
