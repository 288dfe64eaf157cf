"""A voter's token: the right to be one anonymous voter, for 400 days.

Its payload is ``expires 4 B (seconds since the epoch, big-endian) | voter id
16 B | name (UTF-8, may be empty)``, sealed by ``signing``. The id is random
and the same in every poll; what a poll stores is made from it by ``voters``.
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
LONGEST_TOKEN: Final = 300
"""Characters; 37 bytes and a name of 40 characters of 4 bytes each take 263. Longer ones are not decoded."""

Clock = Callable[[], int]
"""Milliseconds since the epoch."""

_HEAD: Final = Struct(f">I{VOTER_ID_BYTES}s")
_HEAD_BYTES: Final = _HEAD.size


class VoterToken(msgspec.Struct, frozen=True, gc=False):
    """Who a good token speaks for: ``id`` is 16 bytes; ``name`` is what the voter asked to be called."""

    id: bytes
    name: str | None


class IssuedToken(msgspec.Struct, frozen=True):
    """A token on its way to its owner; ``expires_at`` in milliseconds."""

    token: str
    expires_at: int


class VoterTokens:
    """Issues voters' tokens and verifies them."""

    __slots__ = ("_clock", "_signer")

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        self._signer = Signer(secrets, "voter token")
        self._clock = clock

    def issue(self, voter_id: bytes | None = None, name: str | None = None) -> IssuedToken:
        """A token for a new voter, or a longer-lasting one for the voter of ``voter_id``."""
        expires_s = self._clock() // 1000 + LIFETIME_S
        voter = os.urandom(VOTER_ID_BYTES) if voter_id is None else voter_id
        payload = _HEAD.pack(expires_s, voter) + (name or "").encode()
        return IssuedToken(token=self._signer.sign(payload), expires_at=expires_s * 1000)

    def verify(self, token: bytes) -> VoterToken | None:
        """The voter that ``token`` speaks for; None where it was not issued here or has expired."""
        if len(token) > LONGEST_TOKEN:
            return None
        payload = self._signer.verify(token)
        if payload is None or len(payload) < _HEAD_BYTES:
            return None
        expires_s, voter_id = _HEAD.unpack_from(payload)
        if expires_s * 1000 <= self._clock():
            return None
        name = payload[_HEAD_BYTES:]
        return VoterToken(voter_id, name.decode() if name else None)
