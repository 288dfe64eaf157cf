"""What a request brings to say who asks, found in its headers: one place for every door.

``Authorization: Bearer`` wins over the cookie. Another scheme than Bearer is
not for us (a proxy in front may want Basic) and is passed over.
"""

from __future__ import annotations

from typing import Final

COOKIE: Final = "pollwire_voter"
"""The cookie that holds a voter's token, for pages of the service's own site."""

_COOKIE_PREFIX: Final = COOKIE.encode("ascii") + b"="


def bearer_of(authorization: bytes | None) -> bytes | None:
    """The credentials of an ``Authorization: Bearer`` header; None where there is none.

    An empty one is ``b""``: something was sent, and it is not valid. The
    scheme's name is written in any case (RFC 9110, section 11.1).
    """
    if authorization is None:
        return None
    if authorization.startswith(b"Bearer "):  # as nearly everybody writes it
        return authorization[7:].strip()
    scheme, _, credentials = authorization.strip().partition(b" ")
    return credentials.strip() if scheme.lower() == b"bearer" else None


def cookie_of(header: bytes | None) -> bytes | None:
    """The voter's token of a ``Cookie`` header (RFC 6265, section 4.2.1); None where there is none."""
    if header is None:
        return None
    for pair in header.split(b";"):
        pair = pair.strip()
        if pair.startswith(_COOKIE_PREFIX):
            return pair[len(_COOKIE_PREFIX) :].strip(b'"')
    return None


def token_of(authorization: bytes | None, cookie: bytes | None) -> bytes | None:
    """The voter's token that a request carries, not yet verified."""
    bearer = bearer_of(authorization)
    return cookie_of(cookie) if bearer is None else bearer
