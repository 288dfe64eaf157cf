"""Credentials of a request: the headers and the address that identify the client, not yet verified.

``Authorization: Bearer`` takes precedence over the cookie. Other schemes than Bearer are ignored, because a
proxy in front of the service may require Basic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

from pollwire_server.auth.client_address import UNKNOWN, ClientAddress, client_in

COOKIE: Final = "pollwire_voter"
"""Name of the cookie with a voter's token, for pages of the service's own origin, without https."""

SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""The name with https. Browsers accept it from the host itself only (RFC 6265bis, section 4.1.3.2)."""

_COOKIE_PREFIX: Final = COOKIE.encode("ascii") + b"="
_SECURE_PREFIX: Final = SECURE_COOKIE.encode("ascii") + b"="


class RequestCredentials(msgspec.Struct, kw_only=True):
    """Credentials of a request, with header values as the client sent them."""

    authorization: bytes | None = None
    cookie: bytes | None = None
    origin: str | None = None
    host: str | None = None
    client: ClientAddress = UNKNOWN
    """Address of the client, as far as the service trusts its source."""

    @classmethod
    def from_raw_headers(
        cls,
        headers: Mapping[bytes, bytes],
        client: ClientAddress = UNKNOWN,
        **fields: Any,  # Any: the fields that a subclass adds
    ) -> Self:
        """Create credentials from headers with lower-case names. ``fields`` sets the fields of subclasses."""
        return cls(
            authorization=headers.get(b"authorization"),
            cookie=headers.get(b"cookie"),
            origin=decode_header(headers.get(b"origin")),
            host=decode_header(headers.get(b"host")),
            client=client,
            **fields,
        )

    @classmethod
    def from_scope(cls, scope: Any, **fields: Any) -> Self:  # Any: frameworks type ASGI scopes differently
        """Create credentials from an ASGI scope. Of a repeated header, the first value is used."""
        return cls.from_raw_headers(dict(reversed(scope["headers"])), client_in(scope), **fields)


def decode_header(value: bytes | None) -> str | None:
    """Decode a header value as Latin-1 (RFC 9110, section 5.5), so that no byte is an error."""
    return None if value is None else value.decode("latin-1")


def bearer_of(authorization: bytes | None) -> bytes | None:
    """Return the credentials of an ``Authorization: Bearer`` header, or None if there are none.

    Empty credentials are returned as ``b""``, because a client that sent them must get an error. The case of
    the scheme's name does not matter (RFC 9110, section 11.1).
    """
    if authorization is None:
        return None
    if authorization.startswith(b"Bearer "):  # the usual spelling, without the slower parsing below
        return authorization[7:].strip()
    scheme, _, credentials = authorization.strip().partition(b" ")
    return credentials.strip() if scheme.lower() == b"bearer" else None


def cookie_of(header: bytes | None, *, is_https: bool = False) -> bytes | None:
    """Return the voter's token from a ``Cookie`` header (RFC 6265, section 4.2.1), or None.

    With https only the ``__Host-`` name counts, because a sibling domain cannot set it. Two cookies of the
    name count as none: one of them was planted.
    """
    if header is None:
        return None
    prefix = _SECURE_PREFIX if is_https else _COOKIE_PREFIX
    found = [pair[len(prefix) :] for pair in map(bytes.strip, header.split(b";")) if pair.startswith(prefix)]
    return found[0].strip(b'"') if len(found) == 1 else None


def token_of(authorization: bytes | None, cookie: bytes | None, *, is_https: bool = False) -> bytes | None:
    """Return the voter's token that a request carries, not yet verified, or None."""
    bearer = bearer_of(authorization)
    return cookie_of(cookie, is_https=is_https) if bearer is None else bearer
