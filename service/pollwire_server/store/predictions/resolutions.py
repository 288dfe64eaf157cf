"""What predictions have come to, and everybody's score for it.

How. A resolution of a poll without a series is one step. In a series every
voter is to be scored, in steps of some 400 ballots (``functions/score_page.lua``),
so that a million of them hold up nobody's vote for more than a few
milliseconds. Where the scoring stands is a field of the poll, which each step
compares and moves; so a step that is sent twice, or by two processes, counts
once, and whoever repeats the act goes on from there. The outcome stands, and
the poll is resolved, in the very step that scores the last.

Scores are taken back in the same way, by the same walk over the same ballots:
voting has ended, so not one has changed since.

A task does the work, and lives on when the request that began it has been
answered with how far it is. It dies with its process. The poll stays due to be
looked at (``outbox``) for as long as it is being scored, so whoever has the
turn to look finds where the scoring stands; where that has not moved between
two looks, it begins a task of its own. So does any process to which the act is
sent again. Two that score at one time overtake each other, and lose nothing.

Alternatives. Scoring by the numbers alone (so many chose this) would tell no
voter's score. A list of who scored, kept for the day of a correction, would
double what a poll takes, to say what its ballots say already. A lease, renewed
by the scoring process, would tell a dead one a little sooner, and cost each
step a write: a scoring that moves is the lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from pollwire_server.domain.errors import (
    InvalidPoll,
    Overloaded,
    PhaseConflict,
    PollNotFound,
    VersionMismatch,
)
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.window import Phase
from pollwire_server.store.polls.cache import PollCache, PollRecord, snapshot_from
from pollwire_server.store.polls.repository import Polls, scoring_in_progress_error
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

log = logging.getLogger("pollwire.store")

MAX_REQUEST_WAIT_S: Final = 1.0
"""Of whoever asks; then they are told how far it is."""
STALLED_AFTER_S: Final = 2.0
"""Scoring that has not moved for so long is nobody's: a step takes milliseconds, a call a second at most."""
_TRIES: Final = 8
"""Of an act that others overtake; each is a whole round trip."""
_GIVEN: Final = b"+"


class ResolutionRequest(NamedTuple):
    """What an operator says that a prediction has come to."""

    outcome: str | None
    """An option's id; None annuls."""
    effective_at: int | None = None
    """A choice last changed after it does not score (ms); None: the end of voting."""
    note: str | None = None


class Progress(NamedTuple):
    """Voters scored (or unscored) so far, and in all."""

    done: int
    total: int


class _ScoringState(NamedTuple):
    """An answer ``in_progress``: see ``functions/resolve_prediction.lua``."""

    sign: bytes
    outcome: bytes
    done: int
    total: int
    place: int
    scoring: bytes


Step = Callable[[], Coroutine[Any, Any, "PollRecord | _ScoringState | None"]]
"""One try of an act: the poll, what is under way instead, or None where it was overtaken."""


class Resolutions:
    """Resolves predictions, and takes that back."""

    def __init__(
        self, connection: StoreConnection, positions: PositionTracker, records: PollCache, polls: Polls
    ) -> None:
        self._connection = connection
        self._positions = positions
        self._records = records
        self._polls = polls
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}
        self._last_progress: dict[str, tuple[bytes, float]] = {}
        """Where the scoring of a poll was found to stand, and since when (the loop's seconds)."""

    async def resolve(
        self, poll_id: str, resolving: ResolutionRequest, *, version: int | None = None, by: str
    ) -> PollRecord | Progress:
        """The resolved poll, or how far scoring is; a repeat of what stands changes nothing.

        Raises ``PollNotFound``, ``InvalidPoll`` (with ``outcome`` or ``effective_at``), ``VersionMismatch``,
        and ``PhaseConflict`` where voting has not ended or another outcome stands.
        """

        async def step() -> PollRecord | _ScoringState | None:
            record = await self._polls.get(poll_id)
            code = _code_of(record.poll, resolving.outcome)
            told = (
                resolving.outcome or "",
                _text(resolving.effective_at),
                resolving.note or "",
                _text(version),
            )
            reply = await self._polls.call("resolve_prediction", poll_id, [poll_id, record.stamp, by, code, *told])
            outcome = self._outcome("resolve", poll_id, reply)
            if (
                isinstance(outcome, _ScoringState)
                and outcome.sign == _GIVEN
                and outcome.outcome != code.encode()
            ):
                raise PhaseConflict(
                    "resolve", Phase.CLOSED, "Another outcome of this prediction is being scored."
                )
            return outcome

        return await self._done(poll_id, step)

    async def unresolve(self, poll_id: str, *, version: int | None = None, by: str) -> PollRecord | Progress:
        """The poll, closed again, or how far the taking back of scores is; a repeat changes nothing.

        Raises ``PollNotFound``, ``VersionMismatch``, and ``PhaseConflict`` where no outcome stands.
        """

        async def step() -> PollRecord | _ScoringState | None:
            reply = await self._polls.call("unresolve_prediction", poll_id, [poll_id, by, _text(version)])
            outcome = self._outcome("unresolve", poll_id, reply)
            if isinstance(outcome, _ScoringState) and outcome.sign == _GIVEN:
                raise scoring_in_progress_error("unresolve", outcome.done, outcome.total)
            return outcome

        return await self._done(poll_id, step)

    def resume_if_stalled(self, poll_id: str, scoring: bytes | None) -> None:
        """A look has found where the poll's scoring stands (None: it has none); goes on where nobody does."""
        if scoring is None or poll_id in self._tasks:
            self._last_progress.pop(poll_id, None)
            return
        now_s = asyncio.get_running_loop().time()
        met, since_s = self._last_progress.get(poll_id, (b"", now_s))
        if met != scoring:
            self._last_progress[poll_id] = (scoring, now_s)
        elif now_s - since_s >= STALLED_AFTER_S:
            state = _state_of(scoring)
            log.warning("The scoring of %s stood still at %d of %d.", poll_id, state.done, state.total)
            self._scoring(poll_id, state)

    async def close(self) -> None:
        """Leave what is under way where it is."""
        await cancel_and_wait(*self._tasks.values())

    async def _done(self, poll_id: str, step: Step) -> PollRecord | Progress:
        """Repeats the step, with the scoring that it asks for between, until it is done or patience ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + MAX_REQUEST_WAIT_S
        for _ in range(_TRIES):
            outcome = await step()
            if isinstance(outcome, PollRecord):
                return outcome
            if outcome is not None:
                task = self._scoring(poll_id, outcome)
                await asyncio.wait([task], timeout=max(deadline - loop.time(), 0))
                if not task.done():
                    return self._progress[poll_id]
                task.result()
        raise Overloaded()

    def _scoring(self, poll_id: str, state: _ScoringState) -> asyncio.Task[None]:
        """The task that scores the poll, begun unless it runs."""
        task = self._tasks.get(poll_id)
        if task is None:
            self._progress[poll_id] = Progress(state.done, state.total)
            task = asyncio.create_task(self._score(poll_id, state), name="scoring")
            self._tasks[poll_id] = task
            task.add_done_callback(lambda task: self._over(poll_id, task))
        return task

    async def _score(self, poll_id: str, state: _ScoringState) -> None:
        """Goes on until everybody is scored, or another process has gone on from here."""
        while True:
            reply = await self._polls.call("score_page", poll_id, [poll_id, state.scoring])
            outcome = self._outcome("resolve", poll_id, reply)
            if not isinstance(outcome, _ScoringState):
                return
            state = outcome
            self._progress[poll_id] = Progress(state.done, state.total)

    def _over(self, poll_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[poll_id], self._progress[poll_id]
        if not task.cancelled():
            task.exception()  # whoever waits is told; who has gone repeats the act

    def _outcome(self, act: str, poll_id: str, reply: Any) -> PollRecord | _ScoringState | None:
        """The one table between these functions' answers and what they mean."""
        match ReplyCode(reply[0].decode()):
            case ReplyCode.DONE | ReplyCode.NO_CHANGE:
                snapshot = snapshot_from(reply[1])
                self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
                return self._records.update(poll_id, snapshot, None)
            case ReplyCode.IN_PROGRESS:
                return _ScoringState(*reply[1:])
            case ReplyCode.STALE:
                return None
            case ReplyCode.VERSION_MOVED:
                raise VersionMismatch(reply[1])
            case ReplyCode.CONFLICT:
                raise PhaseConflict(act, reply[1].decode(), _REASONS.get((act, reply[1].decode())))
            case ReplyCode.NOT_IN_FUTURE:
                raise InvalidPoll("effective_at", "effective_at must not lie in the future.")
            case _:
                raise PollNotFound(poll_id)


_REASONS: Final = {
    ("resolve", "scheduled"): "The prediction has not opened yet; it is resolved once voting has ended.",
    ("resolve", "open"): "People can still vote: close the prediction, then resolve it.",
    ("resolve", "resolved"): "Another outcome stands; unresolve the prediction, then resolve it again.",
    ("unresolve", "closed"): "No outcome stands that could be taken back.",
    ("unresolve", "archived"): "The votes are gone, so scores can no longer be taken back.",
}
"""Where the phase alone does not say what to do."""


def _code_of(poll: Poll, outcome: str | None) -> str:
    """The outcome's letter; empty for none. ``InvalidPoll`` for what is no option of the poll."""
    if outcome is None:
        return ""
    code = poll.codes.get(outcome)
    if code is None:
        known = ", ".join(poll.codes)
        raise InvalidPoll(
            "outcome", f"outcome must be one of {known}, or null to annul, not {outcome[:40]!r}."
        )
    return code


def _state_of(scoring: bytes) -> _ScoringState:
    """The poll's field of this name, read: see ``functions/includes/scoring.lua``."""
    sign, outcome, _, place, _, done, total = scoring.split(b" ")
    return _ScoringState(sign, outcome, int(done), int(total), int(place), scoring)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
