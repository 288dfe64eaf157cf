"""Signed short texts, which the service can verify without storing them.

A signed text is base64url (RFC 4648, section 5, without padding) of::

    key id 1 B | payload | mac 16 B

The mac is a keyed BLAKE2b of the bytes before it. The key id is one byte derived from the secret. It selects
the secret for verification, so secrets can be rotated: the first one signs, all of them verify. It reveals
nothing useful about the secret. Each purpose has its own keys, so a receipt is never valid as a token.

Cost: signing ~1.2 us, verification ~1.1 us. ``base64.urlsafe_b64decode`` alone would take 2.3 us;
``binascii`` with a translation table takes 0.3 us.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

MAC_BYTES: Final = 16
"""128 bits. An attacker can only guess online, with one request for each guess."""

# "+", "/" and "=" become a character that strict decoding rejects: only base64url without padding is valid.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_LAST: Final = tuple(map(frozenset, (range(256), (), b"AQgw", b"AEIMQUYcgkosw048")))
"""Allowed last characters, by length modulo 4.

Spare bits must be 0, so each payload has exactly one encoding.
"""
_PADDING: Final = (b"", b"===", b"==", b"=")
"""Padding by length modulo 4. For the impossible length 1, strict decoding rejects this padding."""


class Signer:
    """Signer and verifier of payloads for one purpose (at most 16 bytes of ASCII)."""

    __slots__ = ("_hashers", "_id", "_sign")

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        if not secrets:
            raise ValueError("a signer needs at least one secret")
        keyed = [_keyed(secret, purpose) for secret in secrets]
        self._id, self._sign = keyed[0]
        # Two secrets may share a key id (1 in 256), so verification tries each of them.
        self._hashers = tuple(tuple(hasher for own, hasher in keyed if own[0] == key) for key in range(256))

    def sign(self, payload: bytes) -> str:
        """Return ``payload`` as signed text. It is readable, but cannot be modified without the secret."""
        signed = self._id + payload
        hasher = self._sign.copy()
        hasher.update(signed)
        encoded = b2a_base64(signed + hasher.digest(), newline=False)
        return encoded.translate(_TO_URL).rstrip(b"=").decode("ascii")

    def verify(self, text: bytes) -> bytes | None:
        """Return the payload of a signed text, or None if the signature is not valid for this purpose."""
        remainder = len(text) & 3
        if not text or text[-1] not in _LAST[remainder]:
            return None
        try:
            raw = a2b_base64(text.translate(_FROM_URL) + _PADDING[remainder], strict_mode=True)
        except BinasciiError:
            return None
        if len(raw) <= MAC_BYTES:
            return None
        signed = raw[:-MAC_BYTES]
        for keyed in self._hashers[raw[0]]:
            hasher = keyed.copy()
            hasher.update(signed)
            if compare_digest(hasher.digest(), raw[-MAC_BYTES:]):
                return signed[1:]
        return None


def _keyed(secret: str, purpose: str) -> tuple[bytes, blake2b]:
    """Return the key id and a keyed BLAKE2b for a secret and a purpose.

    ``person`` separates the keys that are derived from one secret (BLAKE2, section 2.8).
    """
    material = secret.encode()
    key = blake2b(material, digest_size=32, person=purpose.encode("ascii")).digest()
    return blake2b(key, digest_size=1).digest(), blake2b(key=key, digest_size=MAC_BYTES)
