"""Bulk votes: ballots that a trusted back end sends for its own voters, validated by line and cast by batch.

A back end may identify its voters by any string. Within a poll, the voter id is a keyed hash of that string.
It has a hash domain of its own, so it cannot collide with the id of a voter token or of an issuer's user
(``auth/voter_ids.py``). All back ends of a poll share this domain: the same string is the same voter, so a
file can safely be sent again. In an ``open`` poll, which does not identify voters, the string has the role of
the ``Idempotency-Key``.

Lines go to the store directly, not through the vote batcher of the public API. A hundred thousand lines at
once would fill the batcher's queue, and votes of the public would be rejected. A stream has only one batch in
progress. Between two batches, the event loop and the store are free for other requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.admin.ndjson import Line, LineTooLong
from pollwire_server.auth.voter_ids import voter_id_from_backend
from pollwire_server.domain.ballot import Revision, SubmittedChoice
from pollwire_server.domain.decoding import (
    explain_json_error,
    explain_repeated_name,
    explain_validation_error,
    json_decoder,
    repeated_name,
)
from pollwire_server.domain.errors import InvalidChoice, MalformedBody, Overloaded, PollwireError
from pollwire_server.domain.text_validation import is_blank
from pollwire_server.problem_details import ErrorFacts, ProblemType, facts_of, problem_of
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballot_errors import ACCEPTED_STATUSES, MAX_RELOADS, error_for_outcome
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus, CastReply

LINES_A_BATCH: Final = 500
"""Ballots of one store call, which blocks the store for about 2 ms."""


class BulkVoteLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the request body."""

    voter: Annotated[str, Meta(min_length=1, max_length=200)]
    choice: SubmittedChoice
    revision: Revision | None = None


class BulkVoteResult(msgspec.Struct, frozen=True, gc=False):
    """Result of an accepted line. A rejected line gets a ``BulkVoteProblem`` instead."""

    line: int
    status: BallotStatus
    revision: int | UnsetType = UNSET


class BulkVoteProblem(ErrorFacts, frozen=True):
    """Error of a rejected line. ``problem`` is its type, such as ``/problems/invalid-choice``."""

    line: int
    problem: ProblemType
    status: int
    detail: str


LineResult = BallotOutcome | PollwireError

_encode = msgspec.json.Encoder().encode
_decode = json_decoder(BulkVoteLine).decode


class BulkVoteService:
    """Service that casts bulk votes. Batches of one stream run one after another, which keeps their order."""

    __slots__ = ("_ballots", "_polls")

    def __init__(self, store: Store) -> None:
        self._polls = store.polls
        self._ballots = store.ballots

    async def count(self, poll_id: str, lines: Sequence[Line], statuses: Counter[str]) -> bytes:
        """Cast up to ``LINES_A_BATCH`` lines. Return one result or problem per line, in order.

        ``statuses`` counts the lines by status; rejected lines are ``rejected``.
        """
        votes = [_vote_in(line) for line in lines]
        results: Sequence[LineResult]
        try:
            results = await self._cast_votes(poll_id, votes)
        except PollwireError as error:  # the poll was deleted, or the store is unavailable
            results = [vote if isinstance(vote, PollwireError) else error for vote in votes]
        statuses.update(
            result.status.value if isinstance(result, BallotOutcome) else "rejected" for result in results
        )
        return b"".join(encode_result(line, result) for line, result in zip(lines, results, strict=True))

    async def _cast_votes(
        self, poll_id: str, votes: Sequence[BulkVoteLine | PollwireError]
    ) -> list[LineResult]:
        """Return the outcome of each vote. A vote is never rejected because of a cached record alone."""
        remembered = self._polls.cached(poll_id)
        record = remembered or await self._polls.get(poll_id)
        for _ in range(MAX_RELOADS):
            ballots = [_ballot(record, vote) for vote in votes]
            if record is remembered and any(isinstance(ballot, InvalidChoice) for ballot in ballots):
                record = await self._polls.get(poll_id)
                ballots = [_ballot(record, vote) for vote in votes]
            casts = [ballot for ballot in ballots if isinstance(ballot, BallotInput)]
            reply = await self._cast(record, casts)
            if isinstance(reply, PollwireError) or reply.outcomes is not None:
                return _settled(record, ballots, reply)
            record = await self._polls.get(poll_id)
        raise Overloaded

    async def _cast(self, record: PollRecord, casts: Sequence[BallotInput]) -> CastReply | PollwireError:
        if not casts:
            return CastReply(now=0, epoch="", outcomes=[])
        (reply,) = await self._ballots.cast_many([(record, casts)])
        return reply


def encode_result(line: Line, result: LineResult) -> bytes:
    """Return the result or the problem of a line, as a line."""
    if isinstance(result, BallotOutcome):
        return _encode(BulkVoteResult(line.number, result.status, result.revision)) + b"\n"
    row, facts = problem_of(result), facts_of(result)
    return _encode(BulkVoteProblem(line.number, row.type, row.status, result.detail, **facts)) + b"\n"


def _vote_in(line: Line) -> BulkVoteLine | PollwireError:
    if line.text is None:
        return LineTooLong()
    try:
        vote, repeated = _decode(line.text), repeated_name(line.text)
    except msgspec.ValidationError as error:
        field, detail = explain_validation_error(error)
        if field == "body":
            return MalformedBody("A line must be a JSON object.")
        return InvalidChoice(detail, field)
    except (ValueError, RecursionError) as error:  # DecodeError and UnicodeDecodeError are ValueErrors
        return MalformedBody(f"A line must be a JSON object in UTF-8: {explain_json_error(error)}.")
    return _check_fields(vote, repeated)


def _check_fields(vote: BulkVoteLine, repeated: str | None) -> BulkVoteLine | InvalidChoice:
    if repeated is not None:
        field, detail = explain_repeated_name(repeated)
        return InvalidChoice(detail, field)
    if is_blank(vote.voter):
        return InvalidChoice("voter must not be blank.", "voter")
    return vote


def _ballot(record: PollRecord, vote: BulkVoteLine | PollwireError) -> BallotInput | PollwireError:
    if isinstance(vote, PollwireError):
        return vote
    try:
        code = record.codec.encode_choice(vote.choice)
    except InvalidChoice as error:
        return error
    return BallotInput(voter_id_from_backend(record.voter_key, vote.voter), code, vote.revision)


def _settled(
    record: PollRecord, ballots: Sequence[BallotInput | PollwireError], reply: CastReply | PollwireError
) -> list[LineResult]:
    """Merge the store's outcomes with the errors of lines that were not sent to it, in order."""
    if isinstance(reply, PollwireError):
        return [ballot if isinstance(ballot, PollwireError) else reply for ballot in ballots]
    outcomes = iter(reply.outcomes or ())
    return [
        ballot if isinstance(ballot, PollwireError) else _result_of(record, next(outcomes), reply.closed_at)
        for ballot in ballots
    ]


def _result_of(record: PollRecord, outcome: BallotOutcome, closed_at: int | None) -> LineResult:
    return outcome if outcome.status in ACCEPTED_STATUSES else error_for_outcome(record, outcome, closed_at)
