"""Origin policy: the rule that decides which sites may use a poll, for HTTP and sockets.

A browser sends the site of the page in ``Origin``. A request without ``Origin`` does not come from a page of
another site (it is a program or a plain link) and is allowed. ``null`` (a sandbox, a local file) could be any
page and is not allowed. The service's own pages are always allowed. For other sites, the ``origins`` of the
poll decide, or the origins of the service if the poll has none.

For HTTP, the service sends CORS headers (``cors``) and the browser enforces them. WebSockets have no CORS, so
the live API calls ``allows`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from pollwire_server.settings import Settings

_CACHE_SIZE: Final = 1024
"""Cached decisions by (origin, host, poll origins). A few sites send nearly all requests."""


class OriginPolicy:
    """Origin policy of the service, with cached decisions."""

    __slots__ = ("_allowed", "_is_allowed", "_own")

    def __init__(self, settings: Settings) -> None:
        self._allowed = frozenset(_normalize(origin) for origin in settings.allowed_origins)
        self._own = None if settings.public_url is None else _origin_of(settings.public_url)
        self._is_allowed = lru_cache(_CACHE_SIZE)(self._decide)

    @property
    def is_public_url_encrypted(self) -> bool:
        """Return True if clients reach the service by https, even if a proxy connects to it without TLS."""
        return self._own is not None and self._own.startswith("https://")

    def allows(
        self, origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None = None
    ) -> bool:
        """Return True if a request with ``Origin`` and ``Host`` may use a poll with ``poll_origins``."""
        return origin is None or self._is_allowed(origin, host, poll_origins)

    def _decide(self, origin: str, host: str | None, poll_origins: tuple[str, ...] | None) -> bool:
        normalized = _normalize(origin)
        scheme, separator, site = normalized.partition("://")
        if not separator or scheme not in ("http", "https") or not site:
            return False
        if normalized == self._own or (host is not None and _is_host(scheme, site, host)):
            return True
        allowed: Iterable[str] = self._allowed if poll_origins is None else poll_origins
        return "*" in allowed or normalized in {_normalize(item) for item in allowed}


def _is_host(scheme: str, site: str, host: str) -> bool:
    """Return True if ``Host`` names the same site. It may include the default port of the scheme."""
    return host.lower().removesuffix(":443" if scheme == "https" else ":80") == site


def _normalize(origin: str) -> str:
    """Return an origin as browsers send it: lower case, no default port, no trailing slash (RFC 6454,
    6.2)."""
    text = origin.strip().lower().rstrip("/")
    if text.startswith("https://"):
        return text.removesuffix(":443")
    return text.removesuffix(":80") if text.startswith("http://") else text


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return _normalize(f"{parts.scheme}://{parts.netloc}")
