"""One voter's vote is erased: nothing in the store leads to it any more.

An operator's erasure takes the vote out of the totals, in any phase but archived. A voter's own does the
same while the poll is open and lets voters take votes back; once voting has ended it leaves totals as they
are, and gives the ballot a random name. So final totals stay final, a voter of a ``never`` poll cannot
change a vote by erasing it, and nobody can wait for the end to decide a poll by leaving it.

What it costs: without a tombstone a late retry of the vote would count as a new one while the poll is open,
so an erased voter is one who has not voted.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Final

from pollwire_server.domain.errors import PhaseConflict, PollNotFound
from pollwire_server.domain.window import Phase
from pollwire_server.store.polls.cache import PollRecord
from pollwire_server.store.polls.repository import Polls, scoring_in_progress_error
from pollwire_server.store.results.positions import PositionTracker
from pollwire_server.store.transport.function_library import ReplyCode

ACT: Final = "erase"
_WHILE_OPEN: Final = (
    "While this poll is open a vote stands as it was cast; it can be erased once voting has ended,"
    " or by the operators."
)
_SCORED: Final = "Scores in the series stand on the votes of this prediction; unresolve it first."


class ErasureResult(StrEnum):
    """What became of the vote."""

    OUT = "out"
    """Taken out: the totals are less by it."""
    KEPT = "kept"
    """It goes on counting, and whose it is nobody can tell."""
    NOTHING = "none"
    """None stood."""


class VoteEraser:
    """Erases votes."""

    def __init__(self, polls: Polls, positions: PositionTracker) -> None:
        self._polls = polls
        self._positions = positions

    async def erase(
        self, record: PollRecord, voter: bytes, *, at: int | None = None, by: str | None = None
    ) -> ErasureResult:
        """Erases the voter's vote (in an open poll the one of the instant ``at``); ``by`` None: their own.

        Raises ``PollNotFound``, ``StoreUnavailable``, and ``PhaseConflict`` where the poll is archived or
        its scores stand in a series, or, for a voter, where it is open and lets nobody take votes back.
        """
        poll_id = record.poll.id
        name = bytes((os.urandom(1)[0] & 0xF0 | voter[0] & 0x0F,)) + os.urandom(15)
        meant = (record.incarnation, *self._positions.highest(poll_id), voter, "" if at is None else at)
        answer, *rest = await self._polls.call("erase_vote", poll_id, (poll_id, *meant, by or "", name))
        match ReplyCode(answer.decode()):
            case ReplyCode.DONE:
                _, epoch, seq, what = rest
                self._positions.observe(poll_id, epoch.decode(), seq)
                return ErasureResult(what.decode())
            case ReplyCode.CONFLICT:
                raise _conflict(rest[0].decode())
            case ReplyCode.IN_PROGRESS:
                raise scoring_in_progress_error(ACT, rest[2], rest[3])
            case _:
                raise PollNotFound(poll_id)


def _conflict(phase: str) -> PhaseConflict:
    reasons = {Phase.OPEN.value: _WHILE_OPEN, Phase.RESOLVED.value: _SCORED}
    return PhaseConflict(ACT, phase, reasons.get(phase))
