"""API keys of operators: generation, authentication and scopes.

A generated key is ``pwk_<id>_<secret>``. The public id finds the record of the key. The secret is 256 random
bits. The store keeps only its hash, which is compared in constant time. A fast hash suffices for a random
secret of that length. The admin key of the settings has every scope and works without the store.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import msgspec

from pollwire_server.auth.credentials import bearer_of
from pollwire_server.auth.voter_tokens import Clock
from pollwire_server.domain.errors import (
    ApiKeyInvalid,
    ApiKeyRequired,
    PollNotFound,
    PollOutsideKey,
    ScopeMissing,
    StoreUnavailable,
)
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
    RESULTS_READ = "results:read"
    POLLS_WRITE = "polls:write"
    POLLS_DESTROY = "polls:destroy"
    VOTES_WRITE = "votes:write"
    AUDIT_READ = "audit:read"
    KEYS_WRITE = "keys:write"
    ISSUERS_WRITE = "issuers:write"
    WEBHOOKS_WRITE = "webhooks:write"


EVERY_SCOPE: Final = frozenset(Scope)
RECORD_FORMAT: Final = 2
"""Format of the records that this release writes. Records of format 1 have no such field."""
_INCLUDED_IN_FORMAT_1: Final[tuple[tuple[frozenset[Scope], Scope], ...]] = (
    (frozenset({Scope.POLLS_READ}), Scope.RESULTS_READ),
    (frozenset({Scope.POLLS_WRITE}), Scope.POLLS_DESTROY),
    (frozenset({Scope.KEYS_WRITE}), Scope.WEBHOOKS_WRITE),
    (frozenset({Scope.KEYS_WRITE, Scope.VOTES_WRITE}), Scope.ISSUERS_WRITE),
)
"""Scopes of format 1, and the scope of today that they included."""


POLL_SCOPES: Final = frozenset(
    (
        Scope.POLLS_READ,
        Scope.RESULTS_READ,
        Scope.POLLS_WRITE,
        Scope.POLLS_DESTROY,
        Scope.VOTES_WRITE,
    )
)
"""Scopes that a key bound to some polls may have. The others concern the whole service."""


class PollBinding(msgspec.Struct, frozen=True):
    """The polls that a key is bound to. ``polls`` has ids, and prefixes that end with ``*``."""

    polls: tuple[str, ...] = ()
    series: tuple[str, ...] = ()

    def covers(self, poll_id: str, series: str | None) -> bool:
        """Return True if the key may use a poll with this id, in this series."""
        return series in self.series or any(
            poll_id.startswith(pattern[:-1]) if pattern.endswith("*") else poll_id == pattern
            for pattern in self.polls
        )


class Operator(msgspec.Struct, frozen=True):
    """An authenticated operator: the name, the scopes and the limits of the API key.

    ``binding`` is None for a key that may use every poll. ``expires_at`` is in milliseconds.
    """

    name: str
    scopes: frozenset[Scope]
    key_id: str = ADMIN_KEY_ID
    binding: PollBinding | None = None
    expires_at: int | None = None

    def require_scope(self, scope: Scope) -> None:
        """Raise ``ScopeMissing`` if the key does not have ``scope``."""
        if scope not in self.scopes:
            raise ScopeMissing(scope)

    def covers(self, poll_id: str, series: str | None) -> bool:
        """Return True if the key may use a poll with this id, in this series."""
        return self.binding is None or self.binding.covers(poll_id, series)

    def require_poll(self, poll_id: str, series: str | None) -> None:
        """Raise ``PollNotFound`` if the key is bound to other polls."""
        if not self.covers(poll_id, series):
            raise PollNotFound(poll_id)

    def covers_series(self, series: str) -> bool:
        """Return True if the key may use the whole series."""
        return self.binding is None or series in self.binding.series

    def require_new_poll(self, poll_id: str, series: str | None) -> None:
        """Raise ``PollOutsideKey`` if the key may not create the poll.

        A new poll changes the leaderboard of its series, so an id alone does not suffice there.
        """
        if not self.covers(poll_id, series):
            raise PollOutsideKey(poll_id)
        if series is not None and not self.covers_series(series):
            raise PollOutsideKey(poll_id)


_ADMIN: Final = Operator(name="admin", scopes=EVERY_SCOPE)


class StoredApiKey(msgspec.Struct, frozen=True):
    """The record of a key in the store. Times are in milliseconds, ``hash`` is in hex."""

    name: str
    scopes: tuple[str, ...]
    created_at: int
    hash: str
    format: int = 1
    binding: PollBinding | None = None
    expires_at: int | None = None

    @property
    def granted_scopes(self) -> tuple[Scope, ...]:
        """Return the scopes of the key, with those that its record's format included.

        Scopes of other releases that this one does not have are ignored.
        """
        granted = {Scope(scope) for scope in self.scopes if scope in EVERY_SCOPE}
        if self.format < RECORD_FORMAT:
            granted |= {scope for required, scope in _INCLUDED_IN_FORMAT_1 if required <= granted}
        return tuple(scope for scope in Scope if scope in granted)

    def operator(self, key_id: str) -> Operator:
        """Return the operator of the key."""
        scopes = frozenset(self.granted_scopes)
        return Operator(self.name, scopes, key_id, self.binding, self.expires_at)


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


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


class ApiKeyAuthenticator:
    """Authenticates operators by API key. Memory holds only hashes of the keys."""

    __slots__ = ("_admin_hash", "_clock", "_last_used", "_operators", "_operators_source", "_registry")

    def __init__(
        self,
        admin_key: str | None,
        registry: CachedRegistry | None = None,
        last_used: LastUsedTracker | None = None,
        *,
        clock: Clock = _wall_clock,
    ) -> None:
        self._clock = clock
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
            return _ADMIN
        key_id = _id_of(key)
        if self._registry is None or key_id is None:
            return None
        if not self._registry.is_fresh():
            raise StoreUnavailable
        return self._stored_operator(self._registry, key_id, key)

    def is_active(self, key_id: str) -> bool:
        """Return True unless the key has been revoked or has expired.

        Raises ``StoreUnavailable`` if the registry is stale.
        """
        return self._operator_by_id(key_id) is not None

    def covers(self, key_id: str, poll_id: str, series: str | None) -> bool:
        """Return True if the key is active and may use the poll. Raises like ``is_active``."""
        operator = self._operator_by_id(key_id)
        return operator is not None and operator.covers(poll_id, series)

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

    def _has_expired(self, operator: Operator) -> bool:
        return operator.expires_at is not None and operator.expires_at <= self._clock()

    def _is_admin(self, key: bytes) -> bool:
        return self._admin_hash is not None and compare_digest(_hash(key), self._admin_hash)

    def _operator_by_id(self, key_id: str) -> Operator | None:
        if key_id == ADMIN_KEY_ID or self._registry is None:
            return _ADMIN if key_id == ADMIN_KEY_ID and self._admin_hash is not None else None
        if not self._registry.is_fresh():
            raise StoreUnavailable
        _, operator = self._stored(self._registry, key_id)
        return None if operator is None or self._has_expired(operator) else operator

    def _stored_operator(self, registry: CachedRegistry, key_id: str, key: bytes) -> Operator | None:
        digest, operator = self._stored(registry, key_id)
        if not compare_digest(_hash(key), digest) or operator is None or self._has_expired(operator):
            return None
        if self._last_used is not None:
            self._last_used.touch(key_id)
        return operator

    def _stored(self, registry: CachedRegistry, key_id: str) -> tuple[bytes, Operator | None]:
        """Return the hash and the operator of a stored key, or an empty hash and None."""
        if self._operators_source is not registry.members:
            self._operators_source = registry.members
            self._operators = {
                member: (bytes.fromhex(stored.hash), stored.operator(member))
                for member, document in registry.members.items()
                for stored in (msgspec.json.decode(document, type=StoredApiKey),)
            }
        return self._operators.get(key_id, (b"", None))


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
