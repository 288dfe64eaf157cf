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

import re
from typing import Final, NamedTuple

from service.protocol.lanes import Headers, Lane

MOST_HEADS: Final = 1024
LONGEST_HEAD: Final = 2048
"""Bytes, the token left out; a browser's has 500 to 900."""

_END: Final = b"\r\n\r\n"
_BEARER: Final = b" Bearer "
_NAMED: Final = b"\r\nauthorization:"
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_PERSONAL: Final = (
    b"cookie",
    b"forwarded",
    b"idempotency-key",
    b"if-none-match",
    b"last-event-id",
    b"x-forwarded-for",
)


class Head(NamedTuple):
    """What the parser made of a head, and the lane that took it."""

    lane: Lane
    method: bytes
    url: bytes
    headers: Headers
    """All of them; of ``authorization`` the value is another request's."""
    length: int
    """Of the body that follows, in bytes."""


class Heads:
    """The heads that one process has met."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}

    def find(self, segment: bytes) -> tuple[Head, Headers, bytes] | None:
        """The request that ``segment`` is, the whole and nothing else, if its head was met before.

        Its own headers and body stand beside the head.
        """
        end = segment.find(_END)
        cut = _cut_of(segment, end)
        if cut is None:
            key = segment[:end]
        else:
            start, stop = cut
            key = segment[:start] + segment[stop:end]
        head = self._heads.get(key)
        if head is None or len(segment) != end + 4 + head.length or end < 0:
            return None
        headers = head.headers
        if cut is not None:
            token = segment[start:stop]
            if _TOKEN.fullmatch(token) is None:
                return None
            headers = {**headers, b"authorization": b"Bearer " + token}
        return head, headers, segment[end + 4 :]

    def learn(self, segment: bytes, lane: Lane, method: bytes, url: bytes, headers: Headers) -> None:
        """Keeps the head of a request that a lane took, as the parser read it, if it may come again."""
        end = segment.find(_END)
        length = int(headers.get(b"content-length", b"0"))
        if len(segment) != end + 4 + length or any(name in headers for name in _PERSONAL):
            return
        key = segment[:end]
        cut = _cut_of(segment, end)
        if cut is not None:
            start, stop = cut
            key = segment[:start] + segment[stop:end]
            is_named = segment[: start - len(_BEARER)].lower().endswith(_NAMED)
            if not is_named or headers.get(b"authorization") != b"Bearer " + segment[start:stop]:
                return
        elif b"authorization" in headers:
            return
        if len(key) <= LONGEST_HEAD:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            self._heads[key] = Head(lane, method, url, dict(headers), length)


def _cut_of(segment: bytes, end: int) -> tuple[int, int] | None:
    """Where the token begins and ends in a head; None where there seems to be none."""
    found = segment.find(_BEARER, 0, end)
    if found < 0:
        return None
    start = found + len(_BEARER)
    return start, segment.find(b"\r", start)
