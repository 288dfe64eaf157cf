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

from service.domain.visibility import Reader
from service.store.ballots import CastReply, Outcome, Status
from service.store.polls import PollRecord
from service.voting.answers import VoteAnswer, shows_totals, time_text
from service.voting.receipts import Form, Receipts

REMEMBERED: Final = 256
"""Instants and choices: some batches, of as many choices as are made at one time."""

_encode: Final = msgspec.json.Encoder().encode


class Alike(NamedTuple):
    """What is alike."""

    opening: str
    """The JSON object as far as it is not the voter's own."""
    has_seq: bool
    """Whether a voter may see totals, which the place in the history would tell."""
    receipt: Form


class Wording:
    """Puts into words what became of votes that stand."""

    __slots__ = ("_counted", "_receipts")

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._counted = lru_cache(REMEMBERED)(
            lambda record, epoch, now, code, at, revision: self._alike(
                record, epoch, now, Outcome(Status.COUNTED, code, at, revision, seq=0)
            )
        )

    def told(self, record: PollRecord, reply: CastReply, voter: bytes, outcome: Outcome) -> bytes:
        """The answer's body."""
        if outcome.status is Status.COUNTED:  # told apart here: hashing enums is slow
            alike = self._counted(record, reply.epoch, reply.now, outcome.code, outcome.at, outcome.revision)
        else:
            alike = self._alike(record, reply.epoch, reply.now, outcome)
        receipt = self._receipts.issue(alike.receipt, voter)
        seq = f'"seq":{outcome.seq},' if alike.has_seq else ""
        return f'{alike.opening},{seq}"receipt":"{receipt}"}}'.encode()

    def _alike(self, record: PollRecord, epoch: str, now: int, outcome: Outcome) -> Alike:
        poll_id, choice = record.poll.id, record.paper.choice_of(outcome.code)
        answer = VoteAnswer(outcome.status, poll_id, choice, time_text(outcome.at), outcome.revision)
        return Alike(
            _encode(answer).removesuffix(b"}").decode(),
            shows_totals(record, now, Reader.VOTED),
            self._receipts.form(poll_id, epoch, outcome),
        )
