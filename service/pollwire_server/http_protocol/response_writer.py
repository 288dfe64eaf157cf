"""A lane's answers as the bytes of HTTP/1.1."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from pollwire_server.problem_details import HttpResponse

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

MOST_HEADS: Final = 1024
"""Remembered within one second: ways to answer, times the lengths of the bodies."""

NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
"""With every answer, by lane or by route: what it is, its content type alone says (Fetch, 3.6)."""


class ResponseWriter:
    """Writes answers for the connections of one process; what many of them share is written once.

    Heads are remembered by the very tuple of headers that they were written from, since most answers of one
    second are told with one: comparing two of them, or hashing one, takes longer than all else here.
    """

    __slots__ = ("_dated", "_dated_headers", "_heads")

    def __init__(self) -> None:
        self._dated_headers: list[Header] | None = None
        self._dated = b""
        self._heads: dict[tuple[int, int, int], tuple[bytes, Headers]] = {}

    def encode(self, answer: HttpResponse, dated: list[Header], keep_alive: bool) -> bytes:
        """The answer whole; ``dated`` are headers that uvicorn never changes, but replaces each second."""
        if dated is not self._dated_headers:
            self._dated_headers, self._dated = dated, _lines(dated)
            self._heads.clear()
        if not keep_alive:
            return self._head(answer, b"connection: close\r\n") + answer.body
        body, headers = answer.body, answer.headers
        known = self._heads.get(key := (id(headers), answer.status, len(body)))
        if known is None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            # The headers are kept beside, so that none made later can have their id.
            known = self._heads[key] = (self._head(answer, b""), headers)
        return known[0] + body

    def _head(self, answer: HttpResponse, close: bytes) -> bytes:
        head = _head_of(answer.status, answer.headers)
        if answer.status in (204, 304):  # RFC 9110, 8.6: neither has a body to state the length of
            return b"%b%b%b\r\n" % (head, self._dated, close)
        return b"%b%bcontent-length: %d\r\n%b\r\n" % (head, self._dated, len(answer.body), close)


@lru_cache(maxsize=256)
def _head_of(status: int, headers: tuple[Header, ...]) -> bytes:
    """The status line and an answer's own headers; nearly all answers share a handful of them."""
    return STATUS_LINE[status] + _lines((*headers, NOSNIFF))


def _lines(headers: list[Header] | tuple[Header, ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
