"""Operators' keys: whether one is good, and what it may be used for.

A key made by the service is ``pwk_<id>_<secret>``. The id is public and finds
the key's record; the secret is 256 random bits, of which only a hash is kept,
compared in constant time. (Random to that length, so a plain fast hash is as
good as a slow one.) Beside those kept in the store there is the one of the
settings, which has every scope and needs no store.
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
"""Makes a leaked key recognisable to secret scanners."""

_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_KEPT: Final = re.compile(rb"pwk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a key may be used for."""

    POLLS_READ = "polls:read"
    POLLS_WRITE = "polls:write"
    VOTES_WRITE = "votes:write"
    KEYS_WRITE = "keys:write"


EVERY_SCOPE: Final = frozenset(Scope)


class Operator(msgspec.Struct, frozen=True):
    """Who runs polls."""

    name: str
    scopes: frozenset[Scope]

    def require_scope(self, scope: Scope) -> None:
        """Passes where the operator's key has ``scope``; else ``ScopeMissing``."""
        if scope not in self.scopes:
            raise ScopeMissing(scope)


class StoredApiKey(msgspec.Struct, frozen=True):
    """A key as the store keeps it; ``created_at`` in milliseconds, ``hash`` in hex."""

    name: str
    scopes: tuple[str, ...]
    created_at: int
    hash: str

    @property
    def operator(self) -> Operator:
        """Who holds the key; a scope that another release knows and this one does not opens nothing here."""
        return Operator(self.name, frozenset(Scope(scope) for scope in self.scopes if scope in EVERY_SCOPE))


class GeneratedApiKey(msgspec.Struct, frozen=True):
    """A new key on its way to its owner, who alone will ever have ``key``."""

    id: str
    key: str
    hash: str


def generate_api_key() -> GeneratedApiKey:
    """A key that nobody has had before."""
    key_id = secrets.token_hex(_ID_BYTES)
    key = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return GeneratedApiKey(key_id, key, _hash(key.encode()).hex())


class ApiKeyAuthenticator:
    """Knows operators by their keys, and keeps only hashes of those."""

    __slots__ = ("_admin", "_known", "_known_from", "_roster", "_uses")

    def __init__(
        self, admin_key: str | None, roster: CachedRegistry | None = None, uses: LastUsedTracker | None = None
    ) -> None:
        self._admin = None if admin_key is None else _hash(admin_key.encode())
        self._roster = roster
        self._uses = uses
        self._known: dict[str, tuple[bytes, Operator]] = {}
        self._known_from: Mapping[str, bytes] = {}

    def operator_of(self, key: bytes) -> Operator | None:
        """The operator of a key, by what this process knows; None where it is unknown.

        Hashes of equal length are compared in constant time, so neither the
        key's length nor its first letters show in how long an answer takes.
        Raises ``StoreUnavailable`` for what may be a kept key, where the store
        has not been heard for too long to believe what is remembered.
        """
        if self._is_admin(key):
            return Operator(name="admin", scopes=EVERY_SCOPE)
        key_id = _id_of(key)
        if self._roster is None or key_id is None:
            return None
        if not self._roster.is_fresh():
            raise StoreUnavailable
        return self._kept(self._roster, key_id, key)

    def require_operator(self, authorization: bytes | str | None) -> Operator:
        """The operator of an ``Authorization`` header, by what this process knows.

        Raises ``ApiKeyRequired`` where no bearer came and ``ApiKeyInvalid``
        where one came that is unknown.
        """
        operator = self.operator_of(_bearer(authorization))
        if operator is None:
            raise ApiKeyInvalid
        return operator

    async def authenticate(self, authorization: bytes | str | None) -> Operator:
        """As ``require_operator``, and never by an old list: what is not known is read from the store."""
        key = _bearer(authorization)
        key_id = _id_of(key)
        if self._roster is not None and key_id is not None and not self._is_admin(key):
            members = await self._roster.fresh()
            if key_id not in members:
                await self._roster.fresh(0)  # made a moment ago, perhaps
        return self.require_operator(authorization)

    def _is_admin(self, key: bytes) -> bool:
        return self._admin is not None and compare_digest(_hash(key), self._admin)

    def _kept(self, roster: CachedRegistry, key_id: str, key: bytes) -> Operator | None:
        if self._known_from is not roster.members:
            self._known_from = roster.members
            self._known = {
                member: (bytes.fromhex(kept.hash), kept.operator)
                for member, document in roster.members.items()
                for kept in (msgspec.json.decode(document, type=StoredApiKey),)
            }
        digest, operator = self._known.get(key_id, (b"", None))
        if not compare_digest(_hash(key), digest):
            return None
        if self._uses is not None:
            self._uses.touch(key_id)
        return operator


def _bearer(authorization: bytes | str | None) -> bytes:
    if isinstance(authorization, str):
        authorization = authorization.encode("latin-1", "replace")
    key = bearer_of(authorization)
    if key is None:
        raise ApiKeyRequired
    return key


def _id_of(key: bytes) -> str | None:
    """The id in what has the form of a kept key."""
    found = _KEPT.fullmatch(key)
    return None if found is None else found[1].decode()


def _hash(key: bytes) -> bytes:
    return blake2b(key, digest_size=32, person=b"api key").digest()
