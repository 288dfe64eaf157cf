"""What voters are told whose votes stand: nearly the same words, so they are found once for all of them.

The votes of one call to the store are counted at one instant. Whoever chose alike there is answered alike,
but for the place in the poll's history and the receipt, and of the receipt only the voter is their own. So
what is alike is put into words once for some hundred votes (``Alike``), and a vote's answer is those words
with its own two behind them: one string and one signature.

That the text so made is the one that ``VoteAnswer`` stands for as a whole is tested.
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

REMEMBERED: Final = 256
"""Instants and choices: some batches, of as many choices as are made at one time."""

_encode: Final = msgspec.json.Encoder().encode


class SharedResponse(NamedTuple):
    """What is alike."""

    opening: str
    """The JSON object as far as it is not the voter's own."""
    has_seq: bool
    """Whether a voter may see totals, which the place in the history would tell."""
    receipt: ReceiptTemplate


class VoteResponseBuilder:
    """Puts into words what became of votes that stand."""

    __slots__ = ("_counted", "_receipts")

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._counted = lru_cache(REMEMBERED)(
            lambda record, epoch, now, code, at, revision: self._alike(
                record, epoch, now, BallotOutcome(BallotStatus.COUNTED, code, at, revision, seq=0)
            )
        )

    def build(self, record: PollRecord, reply: CastReply, voter: bytes, outcome: BallotOutcome) -> bytes:
        """The answer's body."""
        if outcome.status is BallotStatus.COUNTED:  # told apart here: hashing enums is slow
            alike = self._counted(record, reply.epoch, reply.now, outcome.code, outcome.at, outcome.revision)
        else:
            alike = self._alike(record, reply.epoch, reply.now, outcome)
        receipt = self._receipts.issue(alike.receipt, voter)
        seq = f'"seq":{outcome.seq},' if alike.has_seq else ""
        return f'{alike.opening},{seq}"receipt":"{receipt}"}}'.encode()

    def _alike(self, record: PollRecord, epoch: str, now: int, outcome: BallotOutcome) -> SharedResponse:
        poll_id, choice = record.poll.id, record.codec.decode_choice(outcome.code)
        answer = VoteResponse(outcome.status, poll_id, choice, time_text(outcome.at), outcome.revision)
        return SharedResponse(
            _encode(answer).removesuffix(b"}").decode(),
            shows_totals(record, now, ReaderRole.VOTED),
            self._receipts.template(poll_id, epoch, outcome),
        )
