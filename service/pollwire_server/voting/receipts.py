"""Signed receipts: a voter's proof of a counted vote, which anyone with the receipt can check later.

The payload is ``epoch 12 B | at 6 B (milliseconds) | revision 3 B | voter 16 B | length of the poll id 1 B |
poll id | code of the choice``. Numbers are big-endian. ``auth.signing`` signs it. The voter is the 16-byte
voter id of this poll. No token can be derived from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from pollwire_server.auth.signing import Signer
from pollwire_server.domain.errors import ReceiptInvalid
from pollwire_server.store.votes.ballots import BallotOutcome

MAX_RECEIPT_LENGTH: Final = 500
"""Characters. A poll id of 64 letters and a forecast of 50 outcomes take 386."""

_PREFIX: Final = Struct(">12sHIBH")  # struct has no integers of 6 and 3 bytes, so each is packed as two
_HEAD: Final = Struct(f"{_PREFIX.format}16sB")


class Receipt(msgspec.Struct, frozen=True):
    """Content of a receipt: the choice ``code`` of ``voter`` was counted in ``epoch`` at ``at`` (ms)."""

    epoch: str
    voter: bytes
    revision: int
    at: int
    code: str


class ReceiptTemplate(NamedTuple):
    """Payload around the voter id, the same for all votes with one outcome."""

    prefix: bytes
    suffix: bytes


class Receipts:
    """Issuer and verifier of receipts."""

    __slots__ = ("_signer",)

    def __init__(self, secrets: Sequence[str]) -> None:
        self._signer = Signer(secrets, "receipt")

    def template(self, poll_id: str, epoch: str, outcome: BallotOutcome) -> ReceiptTemplate:
        """Return the template for receipts of votes with this outcome: counted, changed or unchanged."""
        poll = poll_id.encode("ascii")
        at, revision = outcome.at, outcome.revision
        high, low = divmod(at, 1 << 32)
        prefix = _PREFIX.pack(epoch.encode("ascii"), high, low, revision >> 16, revision & 0xFFFF)
        return ReceiptTemplate(prefix, bytes((len(poll),)) + poll + outcome.code.encode("latin-1"))

    def issue(self, template: ReceiptTemplate, voter: bytes) -> str:
        """Return the receipt of one voter."""
        return self._signer.sign(template.prefix + voter + template.suffix)

    def read(self, poll_id: str, receipt: str) -> Receipt:
        """Return the receipt's content. Raises ``ReceiptInvalid`` unless it was issued here for this poll."""
        if len(receipt) > MAX_RECEIPT_LENGTH or not receipt.isascii():
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
            code=payload[end:].decode("latin-1"),
        )
