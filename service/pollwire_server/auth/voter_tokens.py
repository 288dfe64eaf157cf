"""Voter tokens: signed credentials of one anonymous voter, valid for 400 days.

The payload is ``expires 4 B (seconds since the epoch, big-endian) | voter id 16 B | name (UTF-8, may be
empty)``, signed by ``signing``. The id is random and the same in every poll. ``voter_ids`` derives the id
that a poll stores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final

import msgspec

from pollwire_server.auth.signing import Signer

LIFETIME_S: Final = 400 * 24 * 3600
"""The longest that browsers keep a cookie (RFC 6265bis, section 5.5)."""

VOTER_ID_BYTES: Final = 16
MAX_TOKEN_LENGTH: Final = 300
"""Characters. The longest valid token, with a name of 40 characters of 4 bytes, has 263."""

Clock = Callable[[], int]
"""Milliseconds since the epoch."""

_HEAD: Final = Struct(f">I{VOTER_ID_BYTES}s")
_HEAD_BYTES: Final = _HEAD.size


class VoterToken(msgspec.Struct, frozen=True, gc=False):
    """The content of a verified token: ``id`` (16 bytes) and the display name of the voter."""

    id: bytes
    name: str | None


class IssuedToken(msgspec.Struct, frozen=True):
    """A new token. ``expires_at`` is in milliseconds."""

    token: str
    expires_at: int


class VoterTokens:
    """Issuer and verifier of voter tokens."""

    __slots__ = ("_clock", "_signer")

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        self._signer = Signer(secrets, "voter token")
        self._clock = clock

    def issue(self, voter_id: bytes | None = None, name: str | None = None) -> IssuedToken:
        """Issue a token for a new voter, or a token with a new expiry for ``voter_id``."""
        expires_s = self._clock() // 1000 + LIFETIME_S
        voter = os.urandom(VOTER_ID_BYTES) if voter_id is None else voter_id
        payload = _HEAD.pack(expires_s, voter) + (name or "").encode()
        return IssuedToken(token=self._signer.sign(payload), expires_at=expires_s * 1000)

    def verify(self, token: bytes) -> VoterToken | None:
        """Return the content of ``token``, or None if this service did not issue it or it has expired."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        payload = self._signer.verify(token)
        if payload is None or len(payload) < _HEAD_BYTES:
            return None
        expires_s, voter_id = _HEAD.unpack_from(payload)
        if expires_s * 1000 <= self._clock():
            return None
        name = payload[_HEAD_BYTES:]
        return VoterToken(voter_id, name.decode() if name else None)
