"""A receipt: the voter's own proof of what was counted, checkable later by anybody they show it to.

Its payload is ``epoch 12 B | at 6 B (milliseconds) | revision 3 B | voter 16 B |
length of the poll's id 1 B | the poll's id | the choice's code``, numbers
big-endian, sealed by ``identity.signing``. The voter in it is the poll's own
16 bytes, from which no token can be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from pollwire_server.auth.signing import Signer
from pollwire_server.domain.errors import ReceiptInvalid
from pollwire_server.store.votes.ballots import BallotOutcome

LONGEST_RECEIPT: Final = 400
"""Characters; a poll id of 64 letters and a choice of 50 options take 226."""

_BEFORE: Final = Struct(">12sHIBH")  # struct knows no numbers of 6 and 3 bytes: each is written as two
_HEAD: Final = Struct(f"{_BEFORE.format}16sB")


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt says: in ``epoch``, the choice ``code`` of ``voter`` was counted at ``at``."""

    epoch: str
    voter: bytes
    revision: int
    at: int
    code: str


class ReceiptTemplate(NamedTuple):
    """What stands before and behind the voter in the receipts of all who chose alike at one instant."""

    before: bytes
    behind: bytes


class Receipts:
    """Writes receipts and reads them."""

    __slots__ = ("_signer",)

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signer = Signer(secrets, "receipt")

    def template(self, poll_id: str, epoch: str, outcome: BallotOutcome) -> ReceiptTemplate:
        """For the receipts of votes that the store has counted, or found standing, with this outcome."""
        poll = poll_id.encode("ascii")
        at, revision = outcome.at, outcome.revision
        high, low = divmod(at, 1 << 32)
        before = _BEFORE.pack(epoch.encode("ascii"), high, low, revision >> 16, revision & 0xFFFF)
        return ReceiptTemplate(before, bytes((len(poll),)) + poll + outcome.code.encode())

    def issue(self, form: ReceiptTemplate, voter: bytes) -> str:
        """The receipt of one of them."""
        return self._signer.sign(form.before + voter + form.behind)

    def read(self, poll_id: str, receipt: str) -> Receipt:
        """What the receipt says; ``ReceiptInvalid`` where it was not issued here for this poll."""
        if len(receipt) > LONGEST_RECEIPT or not receipt.isascii():
            raise ReceiptInvalid
        payload = self._signer.verify(receipt.encode("ascii"))
        if payload is None or len(payload) < _HEAD.size:
            raise ReceiptInvalid
        epoch, at_high, at_low, revision_high, revision_low, voter, length = _HEAD.unpack_from(payload)
        end = _HEAD.size + length
        if payload[_HEAD.size : end] != poll_id.encode():
            raise ReceiptInvalid
        return Receipt(
            epoch=epoch.decode("ascii"),
            voter=voter,
            revision=revision_high << 16 | revision_low,
            at=at_high << 32 | at_low,
            code=payload[end:].decode(),
        )
