"""CORS headers: the one rule for which pages of other sites may read a response (Fetch, section 3.2).

Handlers add no CORS headers. Every response of the public API passes through ``CorsPolicy.headers_for``: on
the ASGI path in ``app.middleware``, on the fast path in ``http_protocol.response_writer``. A response that
must not be shared between sites carries ``Vary: Origin`` for caches, so all of them do.

``Access-Control-Allow-Credentials`` is never sent. Pages of other sites send the voter token in
``Authorization``. The cookie is for the service's own pages, which do not need CORS.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache
from typing import Final

from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.problem_details import HttpResponse

Headers = tuple[tuple[bytes, bytes], ...]

PREFLIGHT_MAX_AGE_S: Final = 7200
"""The longest time that Chromium caches a preflight."""

_METHODS: Final = b"GET, HEAD, POST, DELETE"
"""All methods of the public routes. The response to a preflight is the same for every route."""
_ALLOW_HEADERS: Final = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID"
)
_EXPOSE: Final = (
    b"access-control-expose-headers",
    b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After",
)
_VARY: Final = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final = (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", _METHODS),
    (b"access-control-allow-headers", _ALLOW_HEADERS),
    (b"access-control-max-age", str(PREFLIGHT_MAX_AGE_S).encode("ascii")),
    _VARY_PREFLIGHT,
)
_CACHE_SIZE: Final = 1024
"""Cached headers by (origin, host, poll origins). A few sites send nearly all requests."""


class CorsPolicy:
    """CORS headers by the origin policy of the service, cached."""

    __slots__ = ("_origins", "headers_for")

    def __init__(self, origins: OriginPolicy) -> None:
        self._origins = origins
        self.headers_for = lru_cache(_CACHE_SIZE)(self._headers_for)
        """Return the headers for ``Origin``, ``Host`` and the poll's origins (None: the service's own)."""

    def _headers_for(
        self, origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None
    ) -> Headers:
        if origin is None or not self._origins.allows(origin, host, poll_origins):
            return (_VARY,)
        return ((b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSE, _VARY)

    def preflight_response(
        self, origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None
    ) -> HttpResponse:
        """Return the response to a preflight, without the headers that every response has.

        For a site that is not allowed it grants nothing.
        """
        is_allowed = origin is not None and self._origins.allows(origin, host, poll_origins)
        return HttpResponse(204, _PREFLIGHT if is_allowed else (_VARY_PREFLIGHT,), b"", poll_origins)


def is_preflight(method: str, header_names: Container[bytes]) -> bool:
    """Return True for a CORS preflight (Fetch, section 3.2.2)."""
    return (
        method == "OPTIONS" and b"origin" in header_names and b"access-control-request-method" in header_names
    )
