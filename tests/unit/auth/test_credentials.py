"""Credentials found in headers."""

from __future__ import annotations

import pytest
from pollwire_server.auth.api_keys import EVERY_SCOPE, ApiKeyAuthenticator, Operator, Scope
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
def test_the_bearer_of_an_authorization_header(header: bytes | None, bearer: bytes | None) -> None:
    """The scheme is read in any case; another scheme is none; an empty bearer is one, and not valid."""
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
def test_the_token_of_a_cookie_header(header: bytes | None, token: bytes | None) -> None:
    """Ours is found among others, and no other cookie is taken for it."""
    assert cookie_of(header) == token


def test_the_bearer_wins_over_the_cookie() -> None:
    """A page that sends a token means it, whatever cookie the browser adds."""
    assert token_of(b"Bearer abc", b"pollwire_voter=def") == b"abc"
    assert token_of(b"Basic abc", b"pollwire_voter=def") == b"def"
    assert token_of(None, b"pollwire_voter=def") == b"def"
    assert token_of(None, None) is None


def test_the_admin_key_has_every_scope() -> None:
    """The operator of the service's own key may do anything."""
    operator = ApiKeyAuthenticator("the key").require_operator(b"Bearer the key")
    assert operator.scopes == EVERY_SCOPE == frozenset(Scope)
    for scope in Scope:
        operator.require_scope(scope)


@pytest.mark.parametrize("header", ["Bearer the kez", "Bearer the key2", "Bearer ", "Bearer é"])
def test_an_unknown_key_is_refused(header: str) -> None:
    """Another key, a longer one, an empty one and one that is not ASCII are all invalid."""
    with pytest.raises(ApiKeyInvalid):
        ApiKeyAuthenticator("the key").require_operator(header)


@pytest.mark.parametrize("header", [None, "", "Basic the key"])
def test_no_key_is_asked_for(header: str | None) -> None:
    """Where no bearer came, the answer says what to send."""
    with pytest.raises(ApiKeyRequired):
        ApiKeyAuthenticator("the key").require_operator(header)


def test_without_an_admin_key_no_key_is_good() -> None:
    """A service without a key is closed to operators, not open to everybody."""
    with pytest.raises(ApiKeyInvalid):
        ApiKeyAuthenticator(None).require_operator("Bearer ")


def test_a_scope_that_is_missing_is_named() -> None:
    """A key that only reads may not write, and is told which scope it lacks."""
    reader = Operator(name="reader", scopes=frozenset({Scope.POLLS_READ}))
    reader.require_scope(Scope.POLLS_READ)
    with pytest.raises(ScopeMissing) as refused:
        reader.require_scope(Scope.POLLS_WRITE)
    assert refused.value.scope == "polls:write"
