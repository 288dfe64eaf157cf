"""Resolutions of predictions, and the scores of their voters.

How. Every voter gets a score, in pages of 250 ballots (``functions/score_page.lua``). A million ballots
therefore delay no vote by more than a few milliseconds. Picks without a series have no scores to store, so
they are resolved in one step.

The progress of scoring is a field of the poll. Each step compares the field and advances it. A step that is
sent twice, or by two processes, therefore counts once. Repeating the request continues from there. Readers
see no intermediate state: one step sets the outcome and shows the new leaderboard
(``functions/includes/score_rows.lua``). A correction or a reversal is the same work with other signs. Voting
has ended, so no ballot has changed since. One poll of a series is scored at a time.

A background task does the work. It continues after the request that started it has returned the progress. It
ends with its process. While a poll is being scored, it stays due for the outbox scan, so the process with
the relay lease sees its progress. If the progress has not changed for ``STALLED_AFTER_S``, that process
starts a task of its own. So does each process that receives the request again. Two tasks that score the same
poll overtake each other without harm.

Alternatives. Scoring from the counts alone gives no voter a score. A stored list of scored voters, for a
later correction, would double the size of a poll and repeat its ballots. A lease that the scoring process
renews would detect a dead process slightly earlier, and cost one more write in each step. The progress field
serves as the lease.
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
from pollwire_server.store.predictions.progress import Progress
from pollwire_server.store.predictions.series_settings import RANKING, SeriesSettings
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.cancellation import cancel_and_wait
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import ReplyCode

log = logging.getLogger("pollwire.store")

MAX_REQUEST_WAIT_S: Final = 1.0
"""Maximum wait of a request. After it the request returns the progress."""
STALLED_AFTER_S: Final = 2.0
"""Scoring without progress for this long has no task: a step takes milliseconds, a call at most 0.9 s."""
_TRIES: Final = 8
"""Attempts of a request that concurrent changes overtake; each is one round trip."""
_RESOLVING: Final = b"+~"
_NO_OUTCOME: Final = b"-"
_RETRY_AFTER_S: Final = 0.05
"""Pause while another poll of the series is being scored."""


class ResolutionRequest(NamedTuple):
    """Outcome of a prediction, as requested by an admin."""

    outcome: str | None
    """Id of an option; None annuls the prediction."""
    effective_at: int | None = None
    """Ballots changed after this time (ms) do not score; None: the end of voting."""
    note: str | None = None
    source: str | None = None
    """An https URL with evidence of the outcome."""
    correct: bool = False
    """True to replace the outcome of a resolved prediction."""


class _ScoringState(NamedTuple):
    """Reply ``underway`` of ``functions/resolve_prediction.lua``."""

    sign: bytes
    outcome: bytes
    done: int
    total: int
    place: int
    scoring: bytes


Step = Callable[[], Coroutine[Any, Any, "PollRecord | Progress | _ScoringState | None"]]
"""One attempt: returns the poll, the scoring that must finish first, or None if a change overtook it."""


class Resolutions:
    """Resolves and unresolves predictions."""

    def __init__(
        self,
        connection: StoreConnection,
        positions: PositionTracker,
        cache: PollCache,
        polls: Polls,
        series_settings: SeriesSettings,
    ) -> None:
        self._connection = connection
        self._series_settings = series_settings
        self._positions = positions
        self._cache = cache
        self._polls = polls
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}
        self._last_progress: dict[str, tuple[bytes, float]] = {}
        """Last seen progress of each poll, and when it was first seen (loop time, seconds)."""

    async def resolve(
        self, poll_id: str, request: ResolutionRequest, *, version: int | None = None, by: str
    ) -> PollRecord | Progress:
        """Resolve the prediction. Return the poll, or the progress of scoring. Repeating it changes nothing.

        Raises ``PollNotFound``, ``InvalidPoll`` (field ``outcome`` or ``effective_at``), ``VersionMismatch``,
        ``Overloaded``, ``StoreUnavailable``, and ``PhaseConflict`` if voting has not ended or the poll has
        another outcome.
        """

        async def step() -> PollRecord | Progress | _ScoringState | None:
            record = await self._polls.get(poll_id)
            code = _code_of(record.poll, request.outcome)
            fields = (
                request.outcome or "",
                _text(request.effective_at),
                request.note or "",
                _text(version),
                "1" if request.correct else "",
                request.source or "",
            )
            reply = await self._polls.call(
                "resolve_prediction", poll_id, [poll_id, record.stamp, by, code, *fields]
            )
            outcome = self._map_reply("resolve", poll_id, reply)
            if (
                isinstance(outcome, _ScoringState)
                and outcome.sign in _RESOLVING
                and outcome.outcome != (code.encode() or _NO_OUTCOME)
            ):
                raise PhaseConflict(
                    "resolve", Phase.CLOSED, "Another outcome of this prediction is being scored."
                )
            return outcome

        return await self._run(poll_id, step)

    async def unresolve(self, poll_id: str, *, version: int | None = None, by: str) -> PollRecord | Progress:
        """Remove the outcome. Return the closed poll, or the progress of taking scores back.

        Repeating it changes nothing. Raises ``PollNotFound``, ``VersionMismatch``, ``Overloaded``,
        ``StoreUnavailable``, and ``PhaseConflict`` if the poll has no outcome.
        """

        async def step() -> PollRecord | Progress | _ScoringState | None:
            reply = await self._polls.call("unresolve_prediction", poll_id, [poll_id, by, _text(version)])
            outcome = self._map_reply("unresolve", poll_id, reply)
            if isinstance(outcome, _ScoringState) and outcome.sign in _RESOLVING:
                raise scoring_in_progress_error("unresolve", outcome.done, outcome.total)
            return outcome

        return await self._run(poll_id, step)

    def resume_if_stalled(self, poll_id: str, scoring: bytes | None) -> None:
        """Check the progress that an outbox scan found (None: no scoring), and resume stalled scoring."""
        if scoring is None or poll_id in self._tasks:
            self._last_progress.pop(poll_id, None)
            return
        now_s = asyncio.get_running_loop().time()
        last, since_s = self._last_progress.get(poll_id, (b"", now_s))
        if last != scoring:
            self._last_progress[poll_id] = (scoring, now_s)
        elif now_s - since_s >= STALLED_AFTER_S:
            state = _state_of(scoring)
            log.warning(
                "Scoring of poll %s stalled at %d of %d ballots; resuming", poll_id, state.done, state.total
            )
            self._scoring_task(poll_id, state)

    async def close(self) -> None:
        """Cancel the tasks. Scoring continues later from its last step."""
        await cancel_and_wait(*self._tasks.values())

    async def _run(self, poll_id: str, step: Step) -> PollRecord | Progress:
        """Repeat the step, and run the scoring that it requires, until it is done or the wait is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + MAX_REQUEST_WAIT_S
        tries = 0
        while tries < _TRIES:
            outcome = await step()
            if isinstance(outcome, PollRecord):
                return outcome
            if isinstance(outcome, Progress):
                if outcome.waiting_for == RANKING:
                    outcome = Progress(0, 0)
                    await self._finish_ranking(poll_id, deadline)
                if loop.time() >= deadline:
                    return outcome
                await asyncio.sleep(_RETRY_AFTER_S)
                continue
            if outcome is not None:
                task = self._scoring_task(poll_id, outcome)
                await asyncio.wait([task], timeout=max(deadline - loop.time(), 0))
                if not task.done():
                    return self._progress[poll_id]
                task.result()
            # Another process was faster. That costs no try before the deadline, if it did a part of the work.
            tries += outcome is None or loop.time() >= deadline
        raise Overloaded()

    async def _finish_ranking(self, poll_id: str, deadline: float) -> None:
        series = (await self._polls.get(poll_id)).poll.series
        if series is not None:
            await self._series_settings.resume(series, deadline)

    def _scoring_task(self, poll_id: str, state: _ScoringState) -> asyncio.Task[None]:
        """Return the task that scores the poll; start it if it does not run."""
        task = self._tasks.get(poll_id)
        if task is None:
            self._progress[poll_id] = Progress(state.done, state.total)
            task = asyncio.create_task(self._score(poll_id, state), name="scoring")
            self._tasks[poll_id] = task
            task.add_done_callback(lambda task: self._on_task_done(poll_id, task))
        return task

    async def _score(self, poll_id: str, state: _ScoringState) -> None:
        """Score page by page until all ballots are scored or another process has overtaken this one."""
        while True:
            reply = await self._polls.call("score_page", poll_id, [poll_id, state.scoring])
            outcome = self._map_reply("resolve", poll_id, reply)
            if not isinstance(outcome, _ScoringState):
                return
            state = outcome
            self._progress[poll_id] = Progress(state.done, state.total)

    def _on_task_done(self, poll_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[poll_id], self._progress[poll_id]
        if not task.cancelled():
            task.exception()  # marks it as retrieved: waiting requests raise it, others repeat the request

    def _map_reply(
        self, action: str, poll_id: str, reply: Any
    ) -> PollRecord | Progress | _ScoringState | None:
        """Map the reply of a function to a result, or raise its error."""
        match ReplyCode(reply[0].decode()):
            case ReplyCode.DONE | ReplyCode.NO_CHANGE:
                snapshot = snapshot_from(reply[1])
                self._positions.observe(poll_id, snapshot.tally.epoch, snapshot.tally.seq)
                return self._cache.update(poll_id, snapshot, None)
            case ReplyCode.IN_PROGRESS:
                return _ScoringState(*reply[1:])
            case ReplyCode.WAITING:
                return Progress(0, 0, reply[1].decode())
            case ReplyCode.STALE:
                return None
            case ReplyCode.VERSION_MOVED:
                raise VersionMismatch(reply[1])
            case ReplyCode.CONFLICT:
                raise PhaseConflict(action, reply[1].decode(), _REASONS.get((action, reply[1].decode())))
            case ReplyCode.NOT_IN_FUTURE:
                raise InvalidPoll("effective_at", "effective_at must not lie in the future.")
            case _:
                raise PollNotFound(poll_id)


_REASONS: Final = {
    ("resolve", "scheduled"): "The prediction has not opened yet. Resolve it after voting has ended.",
    ("resolve", "open"): "Voting is still open. Close the prediction, then resolve it.",
    ("resolve", "resolved"): "The prediction has another outcome. Send correct to replace it.",
    ("unresolve", "closed"): "The prediction has no outcome.",
    ("unresolve", "archived"): "The votes have been deleted, so scores cannot be taken back.",
}
"""Details for conflicts that the phase alone does not explain."""


def _code_of(poll: Poll, outcome: str | None) -> str:
    """Return the code of the outcome; empty for None. Raises ``InvalidPoll`` for an unknown option."""
    if outcome is None:
        return ""
    code = poll.codes.get(outcome)
    if code is None:
        options = ", ".join(poll.codes)
        raise InvalidPoll(
            "outcome", f"outcome must be one of {options}, or null to annul, not {outcome[:40]!r}."
        )
    return code


def _state_of(scoring: bytes) -> _ScoringState:
    """Decode the poll's ``scoring`` field (``functions/includes/scoring.lua``)."""
    # A scoring that an earlier release began has no stage before the sign.
    sign, outcome, _, place, _, done, total = scoring.split(b" ")[-7:]
    return _ScoringState(sign, outcome, int(done), int(total), int(place), scoring)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
