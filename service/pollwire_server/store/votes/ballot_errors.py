"""Why the store did not count a ballot, as errors of the domain: one table for every door."""

from __future__ import annotations

from typing import Final

from pollwire_server.domain.errors import (
    AlreadyVoted,
    IdempotencyKeyReused,
    OptionFull,
    PollClosed,
    PollNotOpen,
    PollwireError,
    StaleRevision,
    VoteNotFound,
)
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
    """Why the store did not count a vote, with what helps the voter.

    Every edit and every act grows the version, which the store has just found
    to be this record's, so its times stand; but the clock may have closed the
    poll since, at ``closed_at``.
    """
    poll = record.poll
    match outcome.status:
        case BallotStatus.NOT_OPEN:
            return PollNotOpen(poll.opens_at)
        case BallotStatus.CLOSED:
            return PollClosed(poll.closes_at if closed_at is None else closed_at)
        case _:
            return _refusal_by_policy(record, outcome)


def _refusal_by_policy(record: PollRecord, outcome: BallotOutcome) -> PollwireError:
    match outcome.status:
        case BallotStatus.ALREADY_VOTED:
            return AlreadyVoted(record.codec.decode_choice(outcome.code), outcome.revision)
        case BallotStatus.STALE_REVISION:
            return StaleRevision(outcome.revision)
        case BallotStatus.KEY_REUSED:
            return IdempotencyKeyReused()
        case BallotStatus.OPTION_FULL:
            return OptionFull(record.codec.option_of(outcome.code))
        case _:
            return VoteNotFound(record.poll.id)
