"""Whose pages may use a poll: the one rule about ``Origin``, for HTTP and sockets alike.

A browser says in ``Origin`` which site's page asks. Whatever sends none is no
page of another site (a program, a plain link) and is allowed; ``null`` (a
sandbox, a local file) could be anybody's page and is not. The service's own
pages always are. Of others, a poll's ``origins`` decide, or, where it has
none, those that the service allows.

On HTTP the rule is told by CORS headers and enforced by the browser; a
socket has no CORS, so its door asks ``allows`` itself.

``Access-Control-Allow-Credentials`` is never sent: pages of other sites carry
their voter's token in ``Authorization``, and the cookie is for the service's
own pages, which need no CORS.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from pollwire_server.settings import Settings

Headers = tuple[tuple[bytes, bytes], ...]

PUBLIC_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
"""What the public addresses take, all together; a preflight is answered alike for each."""
PREFLIGHT_MAX_AGE_S: Final = 7200
"""The longest that Chromium keeps one."""

_ALLOW_HEADERS: Final = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID"
)
_EXPOSE: Final = (
    b"access-control-expose-headers",
    b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After",
)
_VARY: Final = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)
_REMEMBERED: Final = 1024
"""Answers kept by (origin, host, the poll's origins); a handful of sites sends nearly all requests."""


class OriginPolicy:
    """The rule, with what the service was told to allow."""

    __slots__ = ("_allowed", "_own", "_remembered")

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(_normal(origin) for origin in settings.allowed_origins)
        self._own = None if settings.public_url is None else _origin_of(settings.public_url)
        self._remembered = lru_cache(_REMEMBERED)(self._decide)

    @property
    def is_public_url_encrypted(self) -> bool:
        """Whether people reach the service by https, though the connection to it (from a proxy) is plain."""
        return self._own is not None and self._own.startswith("https://")

    def allows(
        self, origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None = None
    ) -> bool:
        """Whether a request of ``Origin`` and ``Host`` may use a poll that names ``poll_origins``."""
        return origin is None or self._remembered(origin, host, poll_origins)

    def cors_headers(
        self, origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None = None
    ) -> Headers:
        """What every public answer carries.

        ``Vary: Origin`` stands there in any case: a cache must not give one
        site the answer that was made for another (Fetch, section 3.2.5).
        """
        if origin is None or not self._remembered(origin, host, poll_origins):
            return (_VARY,)
        return ((b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSE, _VARY)

    def preflight_headers(
        self,
        origin: str | None,
        host: str | None,
        methods: Iterable[str],
        poll_origins: tuple[str, ...] | None = None,
    ) -> Headers:
        """What a preflight is answered; to a site that is not allowed, nothing that would let it on."""
        if origin is None or not self._remembered(origin, host, poll_origins):
            return (_VARY_PREFLIGHT,)
        return (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", ", ".join(methods).encode("ascii")),
            (b"access-control-allow-headers", _ALLOW_HEADERS),
            (b"access-control-max-age", str(PREFLIGHT_MAX_AGE_S).encode("ascii")),
            _VARY_PREFLIGHT,
        )

    def _decide(self, origin: str, host: str | None, poll_origins: tuple[str, ...] | None) -> bool:
        asked = _normal(origin)
        scheme, separator, site = asked.partition("://")
        if not separator or scheme not in ("http", "https") or not site:
            return False
        if asked == self._own or (host is not None and _is_host(scheme, site, host)):
            return True
        allowed: Iterable[str] = self._allowed if poll_origins is None else poll_origins
        return "*" in allowed or asked in {_normal(item) for item in allowed}


def _is_host(scheme: str, site: str, host: str) -> bool:
    """Whether ``Host`` names the same site; it may spell out the scheme's own port."""
    return host.lower().removesuffix(":443" if scheme == "https" else ":80") == site


def _normal(origin: str) -> str:
    """Lower case, no slash at the end, no default port: as browsers write one (RFC 6454, section 6.2)."""
    text = origin.strip().lower().rstrip("/")
    if text.startswith("https://"):
        return text.removesuffix(":443")
    return text.removesuffix(":80") if text.startswith("http://") else text


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return _normal(f"{parts.scheme}://{parts.netloc}")
