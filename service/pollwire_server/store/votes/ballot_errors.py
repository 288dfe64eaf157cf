"""Mapping from ballot outcomes to domain errors, shared by all APIs."""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.errors import (
    AlreadyVoted,
    ChangesUsed,
    IdempotencyKeyReused,
    OptionFull,
    PollClosed,
    PollNotOpen,
    PollwireError,
    StaleRevision,
    VoteNotFound,
)
from pollwire_server.domain.vote_history import MAX_CHANGES
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotOutcome, BallotStatus

MAX_RELOADS: Final = 3
"""How often the poll of a stale vote, or of a batch of bulk votes, is read again.

More edits in a row are rare.
"""
ACCEPTED_STATUSES: Final = (
    BallotStatus.COUNTED,
    BallotStatus.CHANGED,
    BallotStatus.UNCHANGED,
)  # a tuple: members are found by identity; hashing enums is slow


def error_for_outcome(record: PollRecord, outcome: BallotOutcome, closed_at: int | None) -> PollwireError:
    """Return the error for a ballot that was not counted, with data that helps the voter.

    The times in ``record`` are current: every edit and action raises the version, and the store has just
    compared it. Only the clock may have closed the poll since, at ``closed_at`` (ms; None: it did not).
    """
    poll = record.poll
    match outcome.status:
        case BallotStatus.NOT_OPEN:
            return PollNotOpen(poll.opens_at)
        case BallotStatus.CLOSED:
            return PollClosed(poll.closes_at if closed_at is None else closed_at)
        case _:
            return _error_by_policy(record, outcome)


def _error_by_policy(record: PollRecord, outcome: BallotOutcome) -> PollwireError:
    match outcome.status:
        case BallotStatus.ALREADY_VOTED:
            return AlreadyVoted(record.codec.decode_choice(outcome.code), outcome.revision)
        case BallotStatus.STALE_REVISION:
            return StaleRevision(outcome.revision)
        case BallotStatus.CHANGES_USED:
            return ChangesUsed(MAX_CHANGES)
        case BallotStatus.KEY_REUSED:
            return IdempotencyKeyReused()
        case BallotStatus.OPTION_FULL:
            return OptionFull(record.codec.option_of(outcome.code))
        case _:
            return VoteNotFound(record.poll.id)
