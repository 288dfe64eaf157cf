"""A voter as one poll knows it: 16 bytes from which nobody gets back to the token.

The key is random, belongs to the poll and lives in the store, so that two
polls cannot be laid side by side to see who voted in both, and the signing
secret may be rotated without anybody voting twice.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

_OPEN: Final = b"idempotency-key"
_SIGNED: Final = b"signed voter"
_SENT: Final = b"back end voter"


@lru_cache(maxsize=4096)
def _keyed(voter_key: bytes) -> blake2b:
    """To be copied: that takes two thirds of what keying one anew does."""
    return blake2b(key=voter_key, digest_size=16)


def voter_id_from_token(voter_key: bytes, token_id: bytes) -> bytes:
    """The voter of a token's id, in the poll of ``voter_key`` (at most 64 bytes)."""
    hasher = _keyed(voter_key).copy()
    hasher.update(token_id)
    return hasher.digest()


def voter_id_from_issuer(voter_key: bytes, signed_id: bytes) -> bytes:
    """The voter whom a site vouches for, in the poll of ``voter_key``; ``person`` keeps it from tokens'."""
    return blake2b(signed_id, key=voter_key, digest_size=16, person=_SIGNED).digest()


def voter_id_from_idempotency_key(voter_key: bytes, idempotency_key: bytes) -> bytes:
    """The one-time voter that an ``Idempotency-Key`` stands for in an open poll.

    ``person`` keeps it apart from every token's (BLAKE2, section 2.8).
    """
    return blake2b(idempotency_key, key=voter_key, digest_size=16, person=_OPEN).digest()


def voter_id_from_backend(voter_key: bytes, name: str) -> bytes:
    """The voter whom a trusted back end calls ``name``; ``person`` keeps it from all others."""
    return blake2b(name.encode(), key=voter_key, digest_size=16, person=_SENT).digest()
