"""Cache of parsed request heads, so that a head seen before is not parsed again.

Why. Nearly half of the cost of a fast-path request is its head: some fourteen header lines, each a parser
callback. Yet the million readers of one article send the same few hundred heads. They have the same URL,
the same site and the same browsers, and are equal byte for byte except for the token.

How. The parser reads the first request of a kind. If a fast-path router matches it, its head is stored
without the token, together with the parsed form. A later segment may be exactly one complete request with a
stored head. Then only the token can differ, so the parser would produce the same result. Removing the token
takes two searches and one join. The rest is one dictionary lookup.

Handlers. Most handlers are looked up for each request, because they depend on the current state of the
process. A ``CacheableHandler`` depends on the head alone and is stored with it. What it derived from URL and
headers then serves all requests with this head.

Safety. The cache interprets only bytes that the parser has interpreted before. The token is removed only
where the parser reported the same bytes as the ``authorization`` header. A new token is accepted only if it
consists of characters without a meaning in HTTP (RFC 6750, section 2.1). Bodies are not stored, and their
length is part of the head. The connection uses the cache only between two requests, with none in flight.

Bounds. The cache holds ``MAX_HEADS`` heads of at most ``MAX_HEAD_BYTES``. A full cache is cleared, which
costs one parse for each kind of request. Heads that belong to one person (with a cookie, an address or an
``ETag``) are not stored, because they would not occur again.

Alternative. A custom parser that handles many headers faster would have to be correct for all input. The
cache has to be correct about equality only.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pollwire_server.http_protocol.fast_path import CacheableHandler, FastPathRouter, Handler, RequestHead

MAX_HEADS: Final = 1024
MAX_HEAD_BYTES: Final = 2048
"""Without the token. A browser's head has 500 to 900 bytes."""

_END: Final = b"\r\n\r\n"
_BEARER: Final = b" Bearer "
_AUTHORIZATION_NAME: Final = b"\r\nauthorization:"
_TOKEN_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
_PERSONAL_HEADERS: Final = (
    b"cookie",
    b"forwarded",
    b"idempotency-key",
    b"if-none-match",
    b"last-event-id",
    b"x-forwarded-for",
)


class CachedHead(NamedTuple):
    """A parsed request head and the router that matched it."""

    head: RequestHead
    router: FastPathRouter
    handler: CacheableHandler | None
    """The router's handler, if it depends on the head alone."""
    body_length: int
    """In bytes."""


class RequestHeadCache:
    """The request heads that one process has parsed."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, CachedHead] = {}

    def find(self, segment: bytes) -> tuple[CachedHead, bytes | None, bytes] | None:
        """Return the cached head, the authorization and the body of the request in ``segment``.

        Return None if the head is not cached, or if ``segment`` is not exactly one request.
        """
        # Search backwards, since bodies are short. A body with a blank line yields a key that is not stored.
        end = segment.rfind(_END)
        bearer = segment.find(_BEARER, 0, end)
        if bearer < 0:
            authorization = None
            cached = self._heads.get(segment[:end])
        else:
            start = bearer + len(_BEARER)
            stop = segment.find(b"\r", start)
            cached = self._heads.get(segment[:start] + segment[stop:end])
            if start == stop or segment[start:stop].translate(None, _TOKEN_CHARACTERS):
                return None
            authorization = segment[bearer + 1 : stop]
        if cached is None or len(segment) != end + 4 + cached.body_length or end < 0:
            return None
        return cached, authorization, segment[end + 4 :]

    def store(self, segment: bytes, head: RequestHead, router: FastPathRouter, handler: Handler) -> None:
        """Store the parsed head of a fast-path request, if the same head may occur again."""
        headers = head.headers
        end = segment.find(_END)
        body_length = int(headers.get(b"content-length", b"0"))
        if len(segment) != end + 4 + body_length or any(name in headers for name in _PERSONAL_HEADERS):
            return
        key = segment[:end]
        bearer = segment.find(_BEARER, 0, end)
        if bearer >= 0:
            start = bearer + len(_BEARER)
            stop = segment.find(b"\r", start)
            key = segment[:start] + segment[stop:end]
            is_authorization = segment[:bearer].lower().endswith(_AUTHORIZATION_NAME)
            if not is_authorization or headers.get(b"authorization") != segment[bearer + 1 : stop]:
                return
        elif b"authorization" in headers:
            return
        if len(key) <= MAX_HEAD_BYTES:
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            cacheable = handler if isinstance(handler, CacheableHandler) else None
            shared = {name: value for name, value in headers.items() if name != b"authorization"}
            self._heads[key] = CachedHead(head._replace(headers=shared), router, cacheable, body_length)
