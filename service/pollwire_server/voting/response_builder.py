"""Builder of responses to accepted votes. The part that many votes share is serialized once.

The votes of one call to the store are counted at the same time. The responses to equal choices differ only in
``seq`` and the receipt, and the receipts differ only in the voter. The shared part (``SharedResponse``) is
therefore serialized once for some hundred votes. Each vote adds one string and one signature.

A test checks that the result equals the serialized ``VoteResponse``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from pollwire_server.domain.visibility import ReaderRole
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotOutcome, BallotStatus, CastReply
from pollwire_server.voting.receipts import Receipts, ReceiptTemplate
from pollwire_server.voting.responses import VoteResponse, shows_totals, time_text

MAX_CACHED_RESPONSES: Final = 256
"""Combinations of time and choice: enough for several batches with all their choices."""

_encode: Final = msgspec.json.Encoder().encode


class SharedResponse(NamedTuple):
    """Part of the response that votes with the same outcome share."""

    opening: str
    """The JSON object up to the fields that differ, without a comma at its end."""
    has_seq: bool
    """True if a voter may see totals. ``seq`` reveals the number of votes."""
    receipt: ReceiptTemplate


class VoteResponseBuilder:
    """Builder of response bodies for accepted votes."""

    __slots__ = ("_cached", "_receipts")

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._cached = lru_cache(MAX_CACHED_RESPONSES)(
            lambda record, epoch, now, code, at, revision: self._shared(
                record, epoch, now, BallotOutcome(BallotStatus.COUNTED, code, at, revision, seq=0)
            )
        )

    def build(self, record: PollRecord, reply: CastReply, voter: bytes, outcome: BallotOutcome) -> bytes:
        """Return the body of the response to one vote."""
        if outcome.status is BallotStatus.COUNTED:  # compared here: hashing enums is slow
            shared = self._cached(record, reply.epoch, reply.now, outcome.code, outcome.at, outcome.revision)
        else:
            shared = self._shared(record, reply.epoch, reply.now, outcome)
        receipt = self._receipts.issue(shared.receipt, voter)
        seq = f'"seq":{outcome.seq},' if shared.has_seq else ""
        return f'{shared.opening},{seq}"receipt":"{receipt}"}}'.encode()

    def _shared(self, record: PollRecord, epoch: str, now: int, outcome: BallotOutcome) -> SharedResponse:
        poll_id, choice = record.poll.id, record.codec.decode_choice(outcome.code)
        response = VoteResponse(outcome.status, poll_id, choice, time_text(outcome.at), outcome.revision)
        return SharedResponse(
            _encode(response).removesuffix(b"}").decode(),
            shows_totals(record, now, ReaderRole.VOTED),
            self._receipts.template(poll_id, epoch, outcome),
        )
