"""A ticket: a minute's right to read as somebody, for where no header can be sent.

Pages cannot put headers on sockets or event streams, and tokens and keys must
not travel in URLs, which end up in logs. A ticket may: it only reads, and
only for 60 s. Its payload is ``expires 8 B (milliseconds) | voter id 16 B``,
without the id for an operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pollwire_server.auth.signing import Signer
from pollwire_server.auth.voter_tokens import VOTER_ID_BYTES, Clock

LIFETIME_MS: Final = 60_000
LONGEST_TICKET: Final = 80
"""Characters; a voter's takes 55."""


class Ticket(msgspec.Struct, frozen=True):
    """Who reads: the voter of a token's id, or (``voter_id`` None) an operator."""

    voter_id: bytes | None

    @property
    def is_operator(self) -> bool:
        """Whether every total may be seen."""
        return self.voter_id is None


class IssuedTicket(msgspec.Struct, frozen=True):
    """A ticket on its way to its owner; ``expires_at`` in milliseconds."""

    ticket: str
    expires_at: int


class Tickets:
    """Issues tickets and verifies them."""

    __slots__ = ("_clock", "_signer")

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        self._signer = Signer(secrets, "ticket")
        self._clock = clock

    def issue(self, voter_id: bytes | None) -> IssuedTicket:
        """A ticket for the voter of a token's id, or (None) for an operator who may read polls."""
        expires_at = self._clock() + LIFETIME_MS
        payload = expires_at.to_bytes(8, "big") + (voter_id or b"")
        return IssuedTicket(ticket=self._signer.sign(payload), expires_at=expires_at)

    def verify(self, ticket: str) -> Ticket | None:
        """Who the ticket reads as; None where it was not issued here or has expired.

        Neither is an error of the reader's: they get what anybody may see.
        """
        if len(ticket) > LONGEST_TICKET or not ticket.isascii():
            return None
        payload = self._signer.verify(ticket.encode("ascii"))
        if payload is None or len(payload) not in (8, 8 + VOTER_ID_BYTES):
            return None
        if int.from_bytes(payload[:8], "big") <= self._clock():
            return None
        return Ticket(payload[8:] or None)
