"""A request's head that was read before need not be parsed again.

Why. Of what a plain request costs this process nearly half is its head: some
fourteen header lines, each a call from the parser. Yet the million readers of
one article send the same few hundred heads, byte for byte, but for the token:
same address, same site, same kinds of browser.

How. The first request of a kind is read by the parser like any other. If a
lane took it, its head is kept, with the token cut out, beside what the parser
made of it. A later segment that is, at its first byte and to its last, one
whole request with a kept head is that request with another token: nothing
else can differ, so the parser would say the same. Cutting the token out is
two searches and one join; the rest is one look into a dictionary.

Who deals with it. Most handlers are found anew each time, for they depend on what this process knows at the
moment. One that nothing but its head decides says so (``Lasting``) and is kept with the head: what it made of
address and headers, it has made for all who send them.

What is safe about it. Nothing is interpreted here that was not first
interpreted by the parser, on the same bytes. The cut is made only where the
parser has called the same bytes the ``authorization`` header, and a token is
taken only if it is made of characters that mean nothing to a parser (RFC 6750,
section 2.1). Bodies are not kept: their length stands in the head. The
connection looks here only between two requests, with none in flight.

What is bounded. ``MOST_HEADS`` heads of at most ``LONGEST_HEAD`` bytes; when
they are that many all are forgotten, which costs each kind one parsing. Heads
that are one person's own (a cookie, an address, an ``ETag``) are not
kept at all, for they would not come again.

The alternative, a parser of our own that is quicker with many headers, would
have to be right about everything that arrives; this has to be right about
nothing but equality.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pollwire_server.http_protocol.fast_path import CacheableHandler, FastPathRouter, Handler, RequestHead

MOST_HEADS: Final = 1024
LONGEST_HEAD: Final = 2048
"""Bytes, the token left out; a browser's has 500 to 900."""

_END: Final = b"\r\n\r\n"
_BEARER: Final = b" Bearer "
_NAMED: Final = b"\r\nauthorization:"
_OF_TOKENS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
_PERSONAL: Final = (
    b"cookie",
    b"forwarded",
    b"idempotency-key",
    b"if-none-match",
    b"last-event-id",
    b"x-forwarded-for",
)


class CachedHead(NamedTuple):
    """A head that was met before: what the parser made of it, and the lane that took it."""

    head: RequestHead
    lane: FastPathRouter
    lasting: CacheableHandler | None
    """The lane's handler, where the head alone has decided it."""
    length: int
    """Of the body that follows, in bytes."""


class RequestHeadCache:
    """The heads that one process has met."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, CachedHead] = {}

    def find(self, segment: bytes) -> tuple[CachedHead, bytes | None, bytes] | None:
        """The request that ``segment`` is, the whole and nothing else, if its head was met before.

        Its own ``authorization`` and body stand beside the head.
        """
        # From behind, which is near; a body that holds an end of its own makes a key that nobody has kept.
        end = segment.rfind(_END)
        found = segment.find(_BEARER, 0, end)
        if found < 0:
            authorization = None
            known = self._heads.get(segment[:end])
        else:
            start = found + len(_BEARER)
            stop = segment.find(b"\r", start)
            known = self._heads.get(segment[:start] + segment[stop:end])
            if start == stop or segment[start:stop].translate(None, _OF_TOKENS):
                return None
            authorization = segment[found + 1 : stop]
        if known is None or len(segment) != end + 4 + known.length or end < 0:
            return None
        return known, authorization, segment[end + 4 :]

    def store(self, segment: bytes, head: RequestHead, lane: FastPathRouter, handler: Handler) -> None:
        """Keeps the head of a request that a lane took, as the parser read it, if it may come again."""
        headers = head.headers
        end = segment.find(_END)
        length = int(headers.get(b"content-length", b"0"))
        if len(segment) != end + 4 + length or any(name in headers for name in _PERSONAL):
            return
        key = segment[:end]
        found = segment.find(_BEARER, 0, end)
        if found >= 0:
            start = found + len(_BEARER)
            stop = segment.find(b"\r", start)
            key = segment[:start] + segment[stop:end]
            is_named = segment[:found].lower().endswith(_NAMED)
            if not is_named or headers.get(b"authorization") != segment[found + 1 : stop]:
                return
        elif b"authorization" in headers:
            return
        if len(key) <= LONGEST_HEAD:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            lasting = handler if isinstance(handler, CacheableHandler) else None
            shared = {name: value for name, value in headers.items() if name != b"authorization"}
            self._heads[key] = CachedHead(head._replace(headers=shared), lane, lasting, length)
