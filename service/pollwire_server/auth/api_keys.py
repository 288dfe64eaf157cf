"""API keys of operators: generation, authentication and scopes.

A generated key is ``pwk_<id>_<secret>``. The public id finds the record of the key. The secret is 256 random
bits. The store keeps only its hash, which is compared in constant time. A fast hash suffices for a random
secret of that length. The admin key of the settings has every scope and works without the store.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import msgspec

from pollwire_server.auth.credentials import bearer_of
from pollwire_server.domain.errors import ApiKeyInvalid, ApiKeyRequired, ScopeMissing, StoreUnavailable
from pollwire_server.store.registries import CachedRegistry, LastUsedTracker

KEY_PREFIX: Final = "pwk_"
"""Allows secret scanners to recognize a leaked key."""

ADMIN_KEY_ID: Final = "000000000000"
"""Id of the admin key of the settings, in tickets."""
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_GENERATED_KEY: Final = re.compile(rb"pwk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """The permissions of an API key."""

    POLLS_READ = "polls:read"
    POLLS_WRITE = "polls:write"
    VOTES_WRITE = "votes:write"
    KEYS_WRITE = "keys:write"


EVERY_SCOPE: Final = frozenset(Scope)


class Operator(msgspec.Struct, frozen=True):
    """An authenticated operator: the name, the scopes and the id of the API key."""

    name: str
    scopes: frozenset[Scope]
    key_id: str = ADMIN_KEY_ID

    def require_scope(self, scope: Scope) -> None:
        """Raise ``ScopeMissing`` if the key does not have ``scope``."""
        if scope not in self.scopes:
            raise ScopeMissing(scope)


class StoredApiKey(msgspec.Struct, frozen=True):
    """The record of a key in the store. ``created_at`` is in milliseconds, ``hash`` in hex."""

    name: str
    scopes: tuple[str, ...]
    created_at: int
    hash: str

    def operator(self, key_id: str) -> Operator:
        """Return the operator of the key.

        Scopes of other releases that this one does not have are ignored.
        """
        scopes = frozenset(Scope(scope) for scope in self.scopes if scope in EVERY_SCOPE)
        return Operator(self.name, scopes, key_id)


class GeneratedApiKey(msgspec.Struct, frozen=True):
    """A new key. ``key`` is returned to the operator once and never stored."""

    id: str
    key: str
    hash: str


def generate_api_key() -> GeneratedApiKey:
    """Generate a random key."""
    key_id = secrets.token_hex(_ID_BYTES)
    key = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return GeneratedApiKey(key_id, key, _hash(key.encode()).hex())


class ApiKeyAuthenticator:
    """Authenticates operators by API key. Memory holds only hashes of the keys."""

    __slots__ = ("_admin_hash", "_last_used", "_operators", "_operators_source", "_registry")

    def __init__(
        self,
        admin_key: str | None,
        registry: CachedRegistry | None = None,
        last_used: LastUsedTracker | None = None,
    ) -> None:
        self._admin_hash = None if admin_key is None else _hash(admin_key.encode())
        self._registry = registry
        self._last_used = last_used
        self._operators: dict[str, tuple[bytes, Operator]] = {}
        self._operators_source: Mapping[str, bytes] = {}

    def operator_of(self, key: bytes) -> Operator | None:
        """Return the operator of a key from the cached registry, or None if the key is unknown.

        Hashes of equal length are compared in constant time, so the response time reveals neither the key's
        length nor its first letters. Raises ``StoreUnavailable`` for a key in the generated format if the
        registry is stale.
        """
        if self._is_admin(key):
            return Operator(name="admin", scopes=EVERY_SCOPE)
        key_id = _id_of(key)
        if self._registry is None or key_id is None:
            return None
        if not self._registry.is_fresh():
            raise StoreUnavailable
        return self._stored_operator(self._registry, key_id, key)

    def is_active(self, key_id: str) -> bool:
        """Return True unless the key has been revoked.

        Raises ``StoreUnavailable`` if the registry is stale.
        """
        if key_id == ADMIN_KEY_ID or self._registry is None:
            return key_id == ADMIN_KEY_ID and self._admin_hash is not None
        if not self._registry.is_fresh():
            raise StoreUnavailable
        return key_id in self._registry.members

    async def refresh(self) -> None:
        """Read the registry if it is stale. Raises ``StoreUnavailable``."""
        if self._registry is not None:
            await self._registry.read_fresh()

    def require_operator(self, authorization: bytes | str | None) -> Operator:
        """Return the operator of an ``Authorization`` header, from the cached registry.

        Raises ``ApiKeyRequired`` without a bearer token and ``ApiKeyInvalid`` for an unknown key.
        """
        operator = self.operator_of(_bearer(authorization))
        if operator is None:
            raise ApiKeyInvalid
        return operator

    async def authenticate(self, authorization: bytes | str | None) -> Operator:
        """Return the operator as ``require_operator`` does, but refresh the registry first if necessary."""
        key = _bearer(authorization)
        key_id = _id_of(key)
        if self._registry is not None and key_id is not None and not self._is_admin(key):
            members = await self._registry.read_fresh()
            if key_id not in members:
                await self._registry.read_fresh(0)  # the key may have been created a moment ago
        return self.require_operator(authorization)

    def _is_admin(self, key: bytes) -> bool:
        return self._admin_hash is not None and compare_digest(_hash(key), self._admin_hash)

    def _stored_operator(self, registry: CachedRegistry, key_id: str, key: bytes) -> Operator | None:
        if self._operators_source is not registry.members:
            self._operators_source = registry.members
            self._operators = {
                member: (bytes.fromhex(stored.hash), stored.operator(member))
                for member, document in registry.members.items()
                for stored in (msgspec.json.decode(document, type=StoredApiKey),)
            }
        digest, operator = self._operators.get(key_id, (b"", None))
        if not compare_digest(_hash(key), digest):
            return None
        if self._last_used is not None:
            self._last_used.touch(key_id)
        return operator


def _bearer(authorization: bytes | str | None) -> bytes:
    if isinstance(authorization, str):
        authorization = authorization.encode("latin-1", "replace")
    key = bearer_of(authorization)
    if key is None:
        raise ApiKeyRequired
    return key


def _id_of(key: bytes) -> str | None:
    """Return the id in a key of the generated format, or None."""
    match = _GENERATED_KEY.fullmatch(key)
    return None if match is None else match[1].decode()


def _hash(key: bytes) -> bytes:
    return blake2b(key, digest_size=32, person=b"api key").digest()
