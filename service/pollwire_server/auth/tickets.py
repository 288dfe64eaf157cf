"""Tickets: credentials in a URL that allow reading for 60 seconds.

Pages cannot set headers on WebSockets or event streams. Tokens and keys must not appear in URLs, because URLs
end up in logs. A ticket may, because it grants read access only, and only for 60 s. It ends earlier if its
API key is revoked or its issuer is deleted, so it names that source.

The payload is ``expires 8 B (milliseconds) | source 6 B | voter id 16 B``. The ticket of an operator has no
voter id. The ticket of a voter token has no source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pollwire_server.auth.signing import Signer
from pollwire_server.auth.voter_tokens import VOTER_ID_BYTES, Clock

LIFETIME_MS: Final = 60_000
MAX_TICKET_LENGTH: Final = 80
"""Characters. The ticket of an issuer's voter has 63."""
SOURCE_BYTES: Final = 6
_PAYLOAD_BYTES: Final = frozenset({8 + SOURCE_BYTES, 8 + VOTER_ID_BYTES, 8 + SOURCE_BYTES + VOTER_ID_BYTES})


class Ticket(msgspec.Struct, frozen=True):
    """The content of a verified ticket: a voter, or (without ``voter_id``) an operator."""

    voter_id: bytes | None
    """The id of a voter token, or the voter of an issuer."""
    source: bytes = b""
    """Id of the API key of an operator, or of the issuer of a voter. Empty for a voter token."""

    @property
    def is_operator(self) -> bool:
        """Return True if the reader is an operator and may see all totals."""
        return self.voter_id is None


class IssuedTicket(msgspec.Struct, frozen=True):
    """A new ticket. ``expires_at`` is in milliseconds."""

    ticket: str
    expires_at: int


class Tickets:
    """Issuer and verifier of tickets."""

    __slots__ = ("_clock", "_signer")

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        self._signer = Signer(secrets, "ticket")
        self._clock = clock

    def issue(self, reader: Ticket) -> IssuedTicket:
        """Issue a ticket for a voter, or for an operator who may read results."""
        expires_at = self._clock() + LIFETIME_MS
        payload = expires_at.to_bytes(8, "big") + reader.source + (reader.voter_id or b"")
        return IssuedTicket(ticket=self._signer.sign(payload), expires_at=expires_at)

    def verify(self, ticket: str) -> Ticket | None:
        """Return the content of the ticket, or None if this service did not issue it or it has expired.

        An invalid ticket is not an error: the reader receives the public results.
        """
        if len(ticket) > MAX_TICKET_LENGTH or not ticket.isascii():
            return None
        payload = self._signer.verify(ticket.encode("ascii"))
        if payload is None or len(payload) not in _PAYLOAD_BYTES:
            return None
        if int.from_bytes(payload[:8], "big") <= self._clock():
            return None
        content = payload[8:]
        source = b"" if len(content) == VOTER_ID_BYTES else content[:SOURCE_BYTES]
        return Ticket(content[len(source) :] or None, source)
