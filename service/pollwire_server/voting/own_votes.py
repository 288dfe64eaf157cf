"""Service for a voter's own vote: read it, withdraw it, erase it, or check its receipt."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.ballot import LAST_REVISION, Choice, ReceiptBody
from pollwire_server.domain.crowd import histograms, percentile_rank
from pollwire_server.domain.errors import InvalidChoice, VoteNotFound
from pollwire_server.domain.forecast import MICRO, bin_of, decode_forecast
from pollwire_server.domain.forecast_scoring import ForecastScore
from pollwire_server.domain.poll import Identity, Kind, Poll, ResultsMode
from pollwire_server.domain.poll_document import crowd_score_document
from pollwire_server.domain.scoring import forecast_score_of, scored_code, vote_verdict
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import Phase
from pollwire_server.problem_details import HttpResponse, problem_response, to_pollwire_error
from pollwire_server.store.polls.repository import PollRecord, Polls
from pollwire_server.store.results.reader import PollReading, ResultReader
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.store.votes.ballot_errors import error_for_outcome
from pollwire_server.store.votes.ballots import BallotOutcome, Ballots, BallotStatus
from pollwire_server.store.votes.vote_erasure import ErasureResult, VoteEraser
from pollwire_server.voting.receipts import Receipt, Receipts
from pollwire_server.voting.requests import BodyReader, OwnVoteRequest, ReceiptRequest
from pollwire_server.voting.responses import (
    ErasureResponse,
    ForecastScoreResponse,
    NotCountedReason,
    OwnVoteResponse,
    PastVoteResponse,
    ReceiptResponse,
    VoteResponse,
    json_response,
    poll_path,
    shows_totals,
    time_text,
)
from pollwire_server.voting.vote_service import visible_record
from pollwire_server.voting.voter_resolver import VoterResolver, anonymous_voter_id

SKILL_DIGITS: Final = 4
"""Decimal places of the skill score."""

BuildDocument = Callable[[PollRecord], Awaitable[msgspec.Struct]]
"""Builds the response document from the poll's record."""


class OwnVotes:
    """Application service for a voter's own vote."""

    __slots__ = (
        "_ballots",
        "_body_reader",
        "_polls",
        "_receipts",
        "_results",
        "_vote_eraser",
        "_voter_resolver",
    )

    def __init__(
        self,
        *,
        polls: Polls,
        ballots: Ballots,
        voter_resolver: VoterResolver,
        receipts: Receipts,
        vote_eraser: VoteEraser,
        results: ResultReader,
    ) -> None:
        self._results = results
        self._vote_eraser = vote_eraser
        self._polls = polls
        self._ballots = ballots
        self._voter_resolver = voter_resolver
        self._receipts = receipts
        self._body_reader = BodyReader(ReceiptBody)

    async def current(self, request: OwnVoteRequest) -> HttpResponse:
        """Return the voter's current vote, or 404."""

        async def build(record: PollRecord) -> msgspec.Struct:
            outcome = await self._ballots.current_vote(record, await self._voter(request, record))
            if outcome is None:
                raise VoteNotFound(record.poll.id)
            choice = record.codec.decode_choice(outcome.code)
            document = OwnVoteResponse(record.poll.id, choice, time_text(outcome.at), outcome.revision)
            if record.poll.kind is not Kind.PREDICTION:
                return document
            return await self._scored_vote(document, record, outcome)

        return await self._respond(request.poll_id, "votes/mine", build)

    async def _scored_vote(
        self, document: OwnVoteResponse, record: PollRecord, outcome: BallotOutcome
    ) -> OwnVoteResponse:
        """Add the verdict and earlier votes. A scored forecast also needs the current totals."""
        document = _with_prediction(document, record, outcome)
        score = document.score
        if not isinstance(score, ForecastScoreResponse) or score.crowd is UNSET:
            return document
        reading = await self._results.read(record.poll.id)
        score = msgspec.structs.replace(score, better_than=_better_than(reading, outcome))
        return msgspec.structs.replace(document, score=score)

    async def withdraw(self, request: OwnVoteRequest) -> HttpResponse:
        """Withdraw the voter's vote, if the poll allows it. A repeated request gets the same response."""

        async def build(record: PollRecord) -> msgspec.Struct:
            voter = await self._voter(request, record)
            reply = await self._ballots.withdraw(record, voter, _revision_of(request.revision))
            if reply.status is not BallotStatus.WITHDRAWN:
                raise error_for_outcome(record, reply, record.poll.closed_at)
            seq = reply.seq if shows_totals(record, reply.at, ReaderRole.PUBLIC) else UNSET
            return VoteResponse(
                BallotStatus.WITHDRAWN, record.poll.id, None, time_text(reply.at), reply.revision, seq
            )

        return await self._respond(request.poll_id, "votes/mine", build)

    async def erase(self, request: OwnVoteRequest) -> HttpResponse:
        """Erase the data that links the voter to the vote. A repeated request gets 404, as if never voted."""

        async def build(record: PollRecord) -> msgspec.Struct:
            result = await self._vote_eraser.erase(record, await self._voter(request, record))
            if result is ErasureResult.NOTHING:
                raise VoteNotFound(record.poll.id)
            return ErasureResponse(record.poll.id, result is ErasureResult.KEPT)

        return await self._respond(request.poll_id, "voters/me", build)

    async def check_receipt(self, request: ReceiptRequest) -> HttpResponse:
        """Check a receipt against the vote that is stored now."""

        async def build(record: PollRecord) -> msgspec.Struct:
            body = self._body_reader.read(request.content_type, request.body)
            if not isinstance(body, ReceiptBody):
                raise body
            receipt = self._receipts.read(record.poll.id, body.receipt)
            outcome = await self._ballots.current_vote(record, receipt.voter, at=receipt.at)
            choice = _choice_of(record, receipt)
            reason = _not_counted_reason(record, receipt, outcome)
            return ReceiptResponse(True, reason is UNSET, choice, time_text(receipt.at), reason)

        return await self._respond(request.poll_id, "receipts", build)

    async def _respond(self, poll_id: str, subpath: str, build: BuildDocument) -> HttpResponse:
        """Respond with the document that ``build`` returns, or a problem."""
        try:
            async with request_deadline():
                document = await build(await visible_record(self._polls, poll_id))
        except Exception as failure:
            return problem_response(to_pollwire_error(failure), poll_path(poll_id, subpath))
        return json_response(document)

    async def _voter(self, request: OwnVoteRequest, record: PollRecord) -> bytes:
        """Return the voter id. In an open poll, the ``Idempotency-Key`` of the vote identifies the voter."""
        if record.poll.identity is Identity.OPEN:
            return anonymous_voter_id(request.idempotency_key, record)
        await self._voter_resolver.load_issuer_keys(request, record)
        return self._voter_resolver.voter(request, record)


def _with_prediction(
    document: OwnVoteResponse, record: PollRecord, outcome: BallotOutcome
) -> OwnVoteResponse:
    """Add the verdict, the earlier votes and, for a forecast, the scores."""
    poll, past = record.poll, (outcome.code, outcome.at, outcome.history)
    correct, scored = vote_verdict(poll, *past)
    history = [
        PastVoteResponse(time_text(vote.at), record.codec.decode_choice(vote.code) if vote.code else None)
        for vote in outcome.history
    ]
    document = msgspec.structs.replace(document, correct=correct, scored=scored, history=history)
    if not poll.forecast:
        return document
    return msgspec.structs.replace(document, score=_score_response(poll, forecast_score_of(poll, *past)))


def _score_response(poll: Poll, score: ForecastScore | None) -> ForecastScoreResponse | None:
    """Return the scores. Those that depend on other voters are omitted if the voter may not see totals."""
    resolution = poll.resolution
    if score is None or resolution is None:
        return None
    response = ForecastScoreResponse(1.0, score.brier / MICRO, score.baseline / MICRO)
    crowd = resolution.crowd
    if poll.results is ResultsMode.OPERATORS or crowd is None:
        return response
    return msgspec.structs.replace(
        response,
        peer=score.peer / MICRO,
        skill=round(1 - score.brier / crowd.brier, SKILL_DIGITS) if crowd.brier else None,
        crowd=crowd_score_document(crowd),
    )


def _better_than(reading: PollReading, outcome: BallotOutcome) -> float | None:
    """Return the percentile rank of the voter's forecast of the outcome.

    The totals are those of the end of voting. If the resolution scores an earlier time, there is no rank.
    """
    poll = reading.record.poll
    code, resolution = scored_code(poll, outcome.code, outcome.at, outcome.history), poll.resolution
    if not code or resolution is None or resolution.effective_at < (poll.closed_at or math.inf):
        return None
    letters = list(poll.codes.values())
    place = letters.index(resolution.code or "")
    counts = histograms(letters, reading.tally.counts)[letters[place]]
    return _rounded(percentile_rank(counts, bin_of(decode_forecast(code)[place])))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, SKILL_DIGITS)


def _revision_of(text: str | None) -> int | None:
    """Parse the query parameter ``revision``. Raises ``InvalidChoice``."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 8 or int(text) > LAST_REVISION:
        raise InvalidChoice(f"revision must be a whole number from 0 to {LAST_REVISION}.", "revision")
    return int(text)


def _choice_of(record: PollRecord, receipt: Receipt) -> Choice | None:
    """Return the receipt's choice. Return None if the poll was recreated without that option."""
    try:
        return record.codec.decode_choice(receipt.code)
    except KeyError:
        return None


def _not_counted_reason(
    record: PollRecord, receipt: Receipt, outcome: BallotOutcome | None
) -> NotCountedReason | UnsetType:
    """Return why the receipt's vote is not counted, or ``UNSET`` if it is.

    - ``replaced``: the voter cast a later vote.
    - ``archived``: the poll's ballots were destroyed, and its totals remain.
    - ``gone``: the vote was withdrawn, removed, reset or lost.

    The time is not compared. If a failover lost the vote and the voter cast it again, it counts.
    """
    if outcome is None:
        return "archived" if record.poll.ended is Phase.ARCHIVED else "gone"
    return UNSET if (outcome.revision, outcome.code) == (receipt.revision, receipt.code) else "replaced"
