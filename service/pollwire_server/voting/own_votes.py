"""A voter's own vote, after it was cast: read, taken back, erased, or proved by its receipt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.domain.ballot import LAST_REVISION
from pollwire_server.domain.errors import InvalidChoice, VoteNotFound
from pollwire_server.domain.poll import Identity, Kind
from pollwire_server.domain.scoring import verdict_of
from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.domain.window import Phase
from pollwire_server.problem_details import HttpResponse, to_pollwire_error
from pollwire_server.store.polls.repository import PollRecord, Polls
from pollwire_server.store.transport.request_deadline import request_deadline
from pollwire_server.store.votes.ballot_errors import error_for_outcome
from pollwire_server.store.votes.ballots import BallotOutcome, Ballots, BallotStatus
from pollwire_server.store.votes.vote_erasure import ErasureResult, VoteEraser
from pollwire_server.voting.receipts import Receipt, Receipts
from pollwire_server.voting.requests import BodyReader, OwnVoteRequest, ReceiptRequest, RequestCredentials
from pollwire_server.voting.responses import (
    ErasureResponse,
    OwnVoteResponse,
    ReceiptResponse,
    VoteResponse,
    json_response,
    poll_path,
    problem_with_headers,
    shows_totals,
    time_text,
)
from pollwire_server.voting.vote_service import visible_record
from pollwire_server.voting.voter_resolver import VoterResolver, anonymous_voter_id

BuildDocument = Callable[[PollRecord], Awaitable[msgspec.Struct]]
"""What makes an answer's document once the poll is found."""


class ReceiptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that carries a receipt."""

    receipt: str


class OwnVotes:
    """Answers whoever asks about a vote of their own."""

    __slots__ = ("_ballots", "_body", "_callers", "_forgetting", "_origins", "_polls", "_receipts")

    def __init__(
        self,
        *,
        polls: Polls,
        ballots: Ballots,
        callers: VoterResolver,
        receipts: Receipts,
        origins: OriginPolicy,
        forgetting: VoteEraser,
    ) -> None:
        self._forgetting = forgetting
        self._polls = polls
        self._ballots = ballots
        self._callers = callers
        self._receipts = receipts
        self._origins = origins
        self._body = BodyReader(ReceiptBody)

    async def current(self, request: OwnVoteRequest) -> HttpResponse:
        """The caller's standing choice, or 404."""

        async def found(record: PollRecord) -> msgspec.Struct:
            outcome = await self._ballots.current_vote(record, await self._voter(request, record))
            if outcome is None:
                raise VoteNotFound(record.poll.id)
            choice = record.codec.decode_choice(outcome.code)
            document = OwnVoteResponse(record.poll.id, choice, time_text(outcome.at), outcome.revision)
            if record.poll.kind is not Kind.PREDICTION:
                return document
            correct, scored = verdict_of(record.poll, outcome.code, outcome.at)
            return msgspec.structs.replace(document, correct=correct, scored=scored)

        return await self._answered(request, request.poll_id, "votes/mine", found)

    async def withdraw(self, request: OwnVoteRequest) -> HttpResponse:
        """Takes the caller's vote back, where the poll lets voters do that; a repeat answers the same."""

        async def found(record: PollRecord) -> msgspec.Struct:
            voter = await self._voter(request, record)
            reply = await self._ballots.withdraw(record, voter, _revision_of(request.revision))
            if reply.status is not BallotStatus.WITHDRAWN:
                raise error_for_outcome(record, reply, record.poll.closed_at)
            seq = reply.seq if shows_totals(record, reply.at, ReaderRole.PUBLIC) else UNSET
            return VoteResponse(
                BallotStatus.WITHDRAWN, record.poll.id, None, time_text(reply.at), reply.revision, seq
            )

        return await self._answered(request, request.poll_id, "votes/mine", found)

    async def erase(self, request: OwnVoteRequest) -> HttpResponse:
        """Leaves nothing that leads to the caller's vote; a repeat is 404, as for whoever never voted."""

        async def found(record: PollRecord) -> msgspec.Struct:
            what = await self._forgetting.erase(record, await self._voter(request, record))
            if what is ErasureResult.NOTHING:
                raise VoteNotFound(record.poll.id)
            return ErasureResponse(record.poll.id, what is ErasureResult.KEPT)

        return await self._answered(request, request.poll_id, "voters/me", found)

    async def check_receipt(self, request: ReceiptRequest) -> HttpResponse:
        """What a receipt is worth now."""

        async def found(record: PollRecord) -> msgspec.Struct:
            body = self._body.read(request.content_type, request.body)
            if not isinstance(body, ReceiptBody):
                raise body
            receipt = self._receipts.read(record.poll.id, body.receipt)
            outcome = await self._ballots.current_vote(record, receipt.voter, at=receipt.at)
            choice = _choice_of(record, receipt)
            reason = _not_counted_reason(record, receipt, outcome)
            return ReceiptResponse(True, reason is UNSET, choice, time_text(receipt.at), reason)

        return await self._answered(request, request.poll_id, "receipts", found)

    async def _answered(
        self, caller: RequestCredentials, poll_id: str, address: str, found: BuildDocument
    ) -> HttpResponse:
        """The document that ``found`` makes of the poll, or a problem, with the poll's own CORS headers."""
        poll_origins = None
        try:
            async with request_deadline():
                record = await visible_record(self._polls, poll_id)
                poll_origins = record.poll.origins
                document = await found(record)
        except Exception as failure:
            headers = self._origins.cors_headers(caller.origin, caller.host, poll_origins)
            return problem_with_headers(to_pollwire_error(failure), poll_path(poll_id, address), headers)
        return json_response(document, self._origins.cors_headers(caller.origin, caller.host, poll_origins))

    async def _voter(self, request: OwnVoteRequest, record: PollRecord) -> bytes:
        """The caller; in an open poll, where nobody is known, whoever has the key of the vote."""
        if record.poll.identity is Identity.OPEN:
            return anonymous_voter_id(request.idempotency_key, record)
        await self._callers.load_issuer_keys(request, record)
        return self._callers.voter(request, record)


def _revision_of(text: str | None) -> int | None:
    """The ``revision`` of a query."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 8 or int(text) > LAST_REVISION:
        raise InvalidChoice(f"revision must be a whole number from 0 to {LAST_REVISION}.", "revision")
    return int(text)


def _choice_of(record: PollRecord, receipt: Receipt) -> object:
    """The receipt's choice; None where the poll of this name has been deleted and made anew without it."""
    try:
        return record.codec.decode_choice(receipt.code)
    except KeyError:
        return None


def _not_counted_reason(
    record: PollRecord, receipt: Receipt, outcome: BallotOutcome | None
) -> str | UnsetType:
    """Why the very vote of the receipt does not stand: ``replaced`` by a later one, ``archived`` (ballots
    are destroyed, totals stay), or ``gone``: taken back, taken out, reset or lost. ``UNSET`` where it stands.

    The instant is not compared: where a failover lost the vote and the voter
    cast it again, it counts.
    """
    if outcome is None:
        return "archived" if record.poll.ended is Phase.ARCHIVED else "gone"
    return UNSET if (outcome.revision, outcome.code) == (receipt.revision, receipt.code) else "replaced"
