"""Extraction of credentials, and API keys."""

from __future__ import annotations

import msgspec
import pytest
from pollwire_server.auth.api_keys import EVERY_SCOPE, ApiKeyAuthenticator, Operator, Scope, StoredApiKey
from pollwire_server.auth.credentials import bearer_of, cookie_of, token_of
from pollwire_server.domain.errors import ApiKeyInvalid, ApiKeyRequired, ScopeMissing


@pytest.mark.parametrize(
    ("header", "bearer"),
    [
        (None, None),
        (b"Bearer abc", b"abc"),
        (b"bearer abc", b"abc"),
        (b"BEARER   abc ", b"abc"),
        (b" Bearer abc", b"abc"),
        (b"Bearer ", b""),
        (b"Bearer", b""),
        (b"Basic abc", None),
        (b"Bearerabc", None),
        (b"", None),
    ],
)
def test_bearer_is_extracted_from_authorization(header: bytes | None, bearer: bytes | None) -> None:
    assert bearer_of(header) == bearer


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        (b"pollwire_voter=abc", b"abc"),
        (b"a=b; pollwire_voter=abc; c=d", b"abc"),
        (b"a=b;pollwire_voter=abc", b"abc"),
        (b'pollwire_voter="abc"', b"abc"),
        (b"not_pollwire_voter=abc", None),
        (b"a=pollwire_voter=abc", None),
        (b"pollwire_voter=", b""),
        (b"", None),
    ],
)
def test_token_is_extracted_from_cookie(header: bytes | None, token: bytes | None) -> None:
    assert cookie_of(header) == token


def test_bearer_overrides_cookie() -> None:
    assert token_of(b"Bearer abc", b"pollwire_voter=def") == b"abc"
    assert token_of(b"Basic abc", b"pollwire_voter=def") == b"def"
    assert token_of(None, b"pollwire_voter=def") == b"def"
    assert token_of(None, None) is None


def test_admin_key_has_every_scope() -> None:
    operator = ApiKeyAuthenticator("the key").require_operator(b"Bearer the key")
    assert operator.scopes == EVERY_SCOPE == frozenset(Scope)
    for scope in Scope:
        operator.require_scope(scope)


@pytest.mark.parametrize("header", ["Bearer the kez", "Bearer the key2", "Bearer ", "Bearer é"])
def test_unknown_api_key_is_rejected(header: str) -> None:
    with pytest.raises(ApiKeyInvalid):
        ApiKeyAuthenticator("the key").require_operator(header)


@pytest.mark.parametrize("header", [None, "", "Basic the key"])
def test_missing_api_key_is_reported(header: str | None) -> None:
    with pytest.raises(ApiKeyRequired):
        ApiKeyAuthenticator("the key").require_operator(header)


def test_service_without_admin_key_rejects_all_keys() -> None:
    with pytest.raises(ApiKeyInvalid):
        ApiKeyAuthenticator(None).require_operator("Bearer ")


@pytest.mark.parametrize(
    ("stored", "granted"),
    [
        (["polls:read"], ["polls:read", "results:read"]),
        (["polls:write"], ["polls:write", "polls:destroy"]),
        (["votes:write"], ["votes:write"]),
        (["keys:write"], ["keys:write", "webhooks:write"]),
        (["keys:write", "votes:write"], ["votes:write", "keys:write", "issuers:write", "webhooks:write"]),
    ],
    ids="+".join,
)
def test_record_of_the_last_release_keeps_its_permissions(stored: list[str], granted: list[str]) -> None:
    """Check that records without a format have what their scopes allowed, and later records no more."""
    document = {"name": "night desk", "scopes": stored, "created_at": 1, "hash": "00"}
    migrated = msgspec.convert(document, StoredApiKey)
    assert list(migrated.granted_scopes) == granted
    assert migrated.operator("5f0c9a7be1d2").scopes == frozenset(granted)
    now = msgspec.convert(document | {"format": 2}, StoredApiKey)
    assert set(now.granted_scopes) == set(stored)


def test_missing_scope_is_named() -> None:
    reader = Operator(name="reader", scopes=frozenset({Scope.POLLS_READ}))
    reader.require_scope(Scope.POLLS_READ)
    with pytest.raises(ScopeMissing) as refused:
        reader.require_scope(Scope.POLLS_WRITE)
    assert refused.value.scope == "polls:write"
