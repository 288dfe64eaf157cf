"""The secrets that webhooks are signed with, as they are kept.

A site checks our signature with the secret that it was given once, so unlike
an API key's a hash will not do: whoever signs must have the secret. It is kept
encrypted (Fernet: AES-CBC and an HMAC) under a key made from the service's own
secret, which every worker has and the store has not: a copy of the store alone
lets nobody speak in our name. Of ``new,old`` the first encrypts and all
decrypt, as with everything else that is made from them.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX: Final = "whsec_"
"""The convention's; makes a leaked secret recognisable to scanners."""
_SECRET_BYTES: Final = 32
"""The convention asks for 24 to 64."""


def made_secret() -> str:
    """A secret that nobody has had before."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


class SecretBox:
    """Encrypts what only workers of this service may read."""

    def __init__(self, service_secrets: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_key(secret)) for secret in service_secrets])

    def encrypt(self, secret: str) -> str:
        """The secret as it may lie in the store."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, sealed: str) -> str | None:
        """The secret again; None where it was sealed under a secret that is no longer set."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


def _key(secret: str) -> bytes:
    digest = blake2b(secret.encode(), digest_size=32, person=b"webhook secrets").digest()
    return base64.urlsafe_b64encode(digest)
