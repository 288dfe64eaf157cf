"""A lane's answers as the bytes of HTTP/1.1."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.problems import Answer

Header = tuple[bytes, bytes]

NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
"""With every answer, by lane or by route: what it is, its content type alone says (Fetch, 3.6)."""


class Writer:
    """Writes answers for the connections of one process; what many of them share is written once."""

    __slots__ = ("_dated", "_dated_headers")

    def __init__(self) -> None:
        self._dated_headers: list[Header] | None = None
        self._dated = b""

    def encoded(self, answer: Answer, dated: list[Header], keep_alive: bool) -> bytes:
        """The answer whole; ``dated`` are headers that uvicorn never changes, but replaces each second."""
        if dated is not self._dated_headers:
            self._dated_headers, self._dated = dated, _lines(dated)
        head, body = _head_of(answer.status, answer.headers), answer.body
        close = b"" if keep_alive else b"connection: close\r\n"
        if answer.status in (204, 304):  # RFC 9110, 8.6: neither has a body to state the length of
            return b"%b%b%b\r\n%b" % (head, self._dated, close, body)
        return b"%b%bcontent-length: %d\r\n%b\r\n%b" % (head, self._dated, len(body), close, body)


@lru_cache(maxsize=256)
def _head_of(status: int, headers: tuple[Header, ...]) -> bytes:
    """The status line and an answer's own headers; nearly all answers share a handful of them."""
    return STATUS_LINE[status] + _lines((*headers, NOSNIFF))


def _lines(headers: list[Header] | tuple[Header, ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
