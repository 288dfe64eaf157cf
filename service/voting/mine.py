"""A voter's own vote, after it was cast: read, taken back, erased, or proved by its receipt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import UNSET, UnsetType

from service.domain.ballot import LAST_REVISION
from service.domain.errors import InvalidChoice, VoteNotFound
from service.domain.poll import Identity, Kind
from service.domain.scoring import verdict_of
from service.domain.visibility import Reader
from service.domain.window import Phase
from service.identity.origins import Origins
from service.problems import Answer, error_of
from service.store.ballots import Ballots, Outcome, Status
from service.store.deadline import one_deadline
from service.store.forgetting import Erased, Forgetting
from service.store.polls import PollRecord, Polls
from service.store.refusals import refusal_of
from service.voting.answers import (
    ErasureAnswer,
    ReceiptAnswer,
    StandingAnswer,
    VoteAnswer,
    json_answer,
    poll_path,
    refusal,
    shows_totals,
    time_text,
)
from service.voting.callers import Callers, one_time_voter
from service.voting.desk import visible_record
from service.voting.receipts import Receipt, Receipts
from service.voting.requests import BodyReader, Caller, MineRequest, ReceiptRequest

Found = Callable[[PollRecord], Awaitable[msgspec.Struct]]
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
        callers: Callers,
        receipts: Receipts,
        origins: Origins,
        forgetting: Forgetting,
    ) -> None:
        self._forgetting = forgetting
        self._polls = polls
        self._ballots = ballots
        self._callers = callers
        self._receipts = receipts
        self._origins = origins
        self._body = BodyReader(ReceiptBody)

    async def standing(self, request: MineRequest) -> Answer:
        """The caller's standing choice, or 404."""

        async def found(record: PollRecord) -> msgspec.Struct:
            outcome = await self._ballots.standing(record, await self._voter(request, record))
            if outcome is None:
                raise VoteNotFound(record.poll.id)
            choice = record.paper.choice_of(outcome.code)
            document = StandingAnswer(record.poll.id, choice, time_text(outcome.at), outcome.revision)
            if record.poll.kind is not Kind.PREDICTION:
                return document
            correct, scored = verdict_of(record.poll, outcome.code, outcome.at)
            return msgspec.structs.replace(document, correct=correct, scored=scored)

        return await self._answered(request, request.poll_id, "votes/mine", found)

    async def withdraw(self, request: MineRequest) -> Answer:
        """Takes the caller's vote back, where the poll lets voters do that; a repeat answers the same."""

        async def found(record: PollRecord) -> msgspec.Struct:
            voter = await self._voter(request, record)
            reply = await self._ballots.withdraw(record, voter, _revision_of(request.revision))
            if reply.status is not Status.WITHDRAWN:
                raise refusal_of(record, reply, record.poll.closed_at)
            seq = reply.seq if shows_totals(record, reply.at, Reader.PUBLIC) else UNSET
            return VoteAnswer(
                Status.WITHDRAWN, record.poll.id, None, time_text(reply.at), reply.revision, seq
            )

        return await self._answered(request, request.poll_id, "votes/mine", found)

    async def erase(self, request: MineRequest) -> Answer:
        """Leaves nothing that leads to the caller's vote; a repeat is 404, as for whoever never voted."""

        async def found(record: PollRecord) -> msgspec.Struct:
            what = await self._forgetting.erase(record, await self._voter(request, record))
            if what is Erased.NOTHING:
                raise VoteNotFound(record.poll.id)
            return ErasureAnswer(record.poll.id, what is Erased.KEPT)

        return await self._answered(request, request.poll_id, "voters/me", found)

    async def check(self, request: ReceiptRequest) -> Answer:
        """What a receipt is worth now."""

        async def found(record: PollRecord) -> msgspec.Struct:
            body = self._body.read(request.content_type, request.body)
            if not isinstance(body, ReceiptBody):
                raise body
            receipt = self._receipts.read(record.poll.id, body.receipt)
            outcome = await self._ballots.standing(record, receipt.voter, at=receipt.at)
            choice = _choice_of(record, receipt)
            reason = _why_not(record, receipt, outcome)
            return ReceiptAnswer(True, reason is UNSET, choice, time_text(receipt.at), reason)

        return await self._answered(request, request.poll_id, "receipts", found)

    async def _answered(self, caller: Caller, poll_id: str, address: str, found: Found) -> Answer:
        """The document that ``found`` makes of the poll, or a problem, with the poll's own CORS headers."""
        poll_origins = None
        try:
            async with one_deadline():
                record = await visible_record(self._polls, poll_id)
                poll_origins = record.poll.origins
                document = await found(record)
        except Exception as failure:
            headers = self._origins.cors_headers(caller.origin, caller.host, poll_origins)
            return refusal(error_of(failure), poll_path(poll_id, address), headers)
        return json_answer(document, self._origins.cors_headers(caller.origin, caller.host, poll_origins))

    async def _voter(self, request: MineRequest, record: PollRecord) -> bytes:
        """The caller; in an open poll, where nobody is known, whoever has the key of the vote."""
        if record.poll.identity is Identity.OPEN:
            return one_time_voter(request.idempotency_key, record)
        await self._callers.prepare(request, record)
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
        return record.paper.choice_of(receipt.code)
    except KeyError:
        return None


def _why_not(record: PollRecord, receipt: Receipt, outcome: Outcome | None) -> str | UnsetType:
    """Why the very vote of the receipt does not stand: ``replaced`` by a later one, ``archived`` (ballots
    are destroyed, totals stay), or ``gone``: taken back, taken out, reset or lost. ``UNSET`` where it stands.

    The instant is not compared: where a failover lost the vote and the voter
    cast it again, it counts.
    """
    if outcome is None:
        return "archived" if record.poll.ended is Phase.ARCHIVED else "gone"
    return UNSET if (outcome.revision, outcome.code) == (receipt.revision, receipt.code) else "replaced"
