"""Encryption of the signing secrets of webhooks.

An endpoint verifies signatures with the secret that it received on creation. A hash, as for API keys, does
not suffice here, because the signer needs the secret. So the secret is stored encrypted (Fernet: AES-CBC and
an HMAC). The key is derived from the service's own secret, which every worker has and the store has not. A
copy of the store alone does not allow to forge signatures. Of ``new,old``, the first secret encrypts and all
decrypt, as everywhere in this service.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX: Final = "whsec_"
"""The prefix of the specification. It allows secret scanners to recognize a leaked secret."""
_SECRET_BYTES: Final = 32
"""The specification requires 24 to 64."""


def made_secret() -> str:
    """Return a new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


class SecretBox:
    """Encryption with keys that only the workers of this service have."""

    def __init__(self, service_secrets: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_key(secret)) for secret in service_secrets])

    def encrypt(self, secret: str) -> str:
        """Return the encrypted secret, for the store."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, sealed: str) -> str | None:
        """Return the secret. None if it was encrypted with a service secret that is no longer set."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def _key(secret: str) -> bytes:
    digest = blake2b(secret.encode(), digest_size=32, person=b"webhook secrets").digest()
    return base64.urlsafe_b64encode(digest)
