"""Operators' keys: whether one is good, and what it may be used for."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import msgspec

from service.domain.errors import ApiKeyInvalid, ApiKeyRequired, ScopeMissing
from service.identity.credentials import bearer_of


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

    def may(self, scope: Scope) -> None:
        """Passes where the operator's key has ``scope``; else ``ScopeMissing``."""
        if scope not in self.scopes:
            raise ScopeMissing(scope)


class ApiKeys:
    """Knows operators by their keys, and keeps only hashes of those."""

    __slots__ = ("_admin",)

    def __init__(self, admin_key: str | None) -> None:
        self._admin = None if admin_key is None else _hash(admin_key.encode())

    def operator_of(self, key: bytes) -> Operator | None:
        """The operator of a key; None where it is unknown.

        Hashes of equal length are compared in constant time, so neither the
        key's length nor its first letters show in how long an answer takes.
        """
        if self._admin is None or not compare_digest(_hash(key), self._admin):
            return None
        return Operator(name="admin", scopes=EVERY_SCOPE)

    def require_operator(self, authorization: bytes | str | None) -> Operator:
        """The operator of an ``Authorization`` header.

        Raises ``ApiKeyRequired`` where no bearer came and ``ApiKeyInvalid``
        where one came that is unknown.
        """
        header = (
            authorization.encode("latin-1", "replace") if isinstance(authorization, str) else authorization
        )
        key = bearer_of(header)
        if key is None:
            raise ApiKeyRequired
        operator = self.operator_of(key)
        if operator is None:
            raise ApiKeyInvalid
        return operator


def _hash(key: bytes) -> bytes:
    return blake2b(key, digest_size=32, person=b"api key").digest()
