"""Erasure of one voter's vote: afterwards nothing in the store leads to it.

An admin's erasure removes the vote from the totals, in any phase except archived (and resolved, if scores
depend on it). A voter's own erasure does the same while the poll is open and allows withdrawals. After
voting has ended, a voter's erasure keeps the totals and gives the ballot a random voter id. Three properties
follow: final totals stay final, a voter of a ``never`` poll cannot change a vote by erasing it, and a voter
cannot wait for the end and then decide a poll by leaving it.

Cost. Erasure leaves no tombstone. A late retry of the vote therefore counts as a new vote while the poll is
open, and an erased voter is treated as one without a vote.
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
    "While this poll is open, votes cannot be withdrawn or erased. Erase the vote after voting has ended,"
    " or ask the operators."
)
_SCORED: Final = "The scores of the series depend on the votes of this prediction. Unresolve it first."


class ErasureResult(StrEnum):
    """Result of an erasure."""

    OUT = "out"
    """The vote was removed from the totals."""
    KEPT = "kept"
    """The vote still counts, without a link to its voter."""
    NOTHING = "none"
    """There was no vote."""


class VoteEraser:
    """Erases votes of single voters."""

    def __init__(self, polls: Polls, positions: PositionTracker) -> None:
        self._polls = polls
        self._positions = positions

    async def erase(
        self, record: PollRecord, voter: bytes, *, at: int | None = None, by: str | None = None
    ) -> ErasureResult:
        """Erase the voter's vote. ``by`` is the admin; None means that the voter asks.

        ``at`` (ms) selects one of several votes in an open poll. Raises ``PollNotFound``,
        ``StoreUnavailable``, and ``PhaseConflict`` if the poll is archived, if scores of a series depend on
        it, or if a voter asks while the poll is open and does not allow withdrawals.
        """
        poll_id = record.poll.id
        random_voter = bytes((os.urandom(1)[0] & 0xF0 | voter[0] & 0x0F,)) + os.urandom(15)
        args = (record.incarnation, *self._positions.highest(poll_id), voter, "" if at is None else at)
        answer, *rest = await self._polls.call(
            "erase_vote", poll_id, (poll_id, *args, by or "", random_voter)
        )
        match ReplyCode(answer.decode()):
            case ReplyCode.DONE:
                _, epoch, seq, result = rest
                self._positions.observe(poll_id, epoch.decode(), seq)
                return ErasureResult(result.decode())
            case ReplyCode.CONFLICT:
                raise _conflict(rest[0].decode())
            case ReplyCode.IN_PROGRESS:
                raise scoring_in_progress_error(ACT, rest[2], rest[3])
            case _:
                raise PollNotFound(poll_id)


def _conflict(phase: str) -> PhaseConflict:
    reasons = {Phase.OPEN.value: _WHILE_OPEN, Phase.RESOLVED.value: _SCORED}
    return PhaseConflict(ACT, phase, reasons.get(phase))
