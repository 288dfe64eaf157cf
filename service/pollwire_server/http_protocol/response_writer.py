"""Serialization of fast-path responses to HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from pollwire_server.http_protocol.fast_path import RequestHead
from pollwire_server.problem_details import HttpResponse

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

MAX_CACHED_HEADS: Final = 1024
"""Response heads cached within one second, one per set of headers, status and body length."""

NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
"""Sent with every response on both paths: clients must not guess the content type (Fetch, 3.6)."""


CorsHeaders = Callable[[str | None, str | None, tuple[str, ...] | None], Headers]
"""Returns the CORS headers for ``Origin``, ``Host`` and the poll's allowed origins, as the same tuple."""


def _no_cors_headers(origin: str | None, host: str | None, poll_origins: tuple[str, ...] | None) -> Headers:
    return ()


class ResponseWriter:
    """Serializes responses for all connections of one process, with a cache of response heads.

    The cache key contains the identities of the tuples of headers, because most responses of one second share
    them. Comparing or hashing the tuples would take longer than everything else here.
    """

    __slots__ = ("_default_headers", "_default_lines", "_heads", "cors_headers")

    def __init__(self, cors_headers: CorsHeaders = _no_cors_headers) -> None:
        self.cors_headers = cors_headers
        self._default_headers: list[Header] | None = None
        self._default_lines = b""
        self._heads: dict[tuple[int, int, int, int], tuple[bytes, Headers, Headers]] = {}

    def encode(
        self,
        response: HttpResponse,
        default_headers: list[Header],
        keep_alive: bool,
        head: RequestHead | None = None,
    ) -> bytes:
        """Return the response as bytes. With the head of its request, it has CORS headers.

        ``default_headers`` is uvicorn's list with the date. uvicorn replaces the list every second and never
        changes it, so its identity is enough to detect a new date.
        """
        if default_headers is not self._default_headers:
            self._default_headers, self._default_lines = default_headers, _lines(default_headers)
            self._heads.clear()
        if head is None:
            cors: Headers = ()
        elif response.poll_origins is None:
            cors = head.cors_headers
        else:
            cors = self.cors_headers(head.origin, head.host, response.poll_origins)
        if not keep_alive:
            return self._head(response, cors, b"connection: close\r\n") + response.body
        body, headers = response.body, response.headers
        cached = self._heads.get(key := (id(headers), id(cors), response.status, len(body)))
        if cached is None:
            if len(self._heads) >= MAX_CACHED_HEADS:
                self._heads.clear()
            # The cache keeps both tuples alive, so that no later tuple can have the same id.
            cached = self._heads[key] = (self._head(response, cors, b""), headers, cors)
        return cached[0] + body

    def _head(self, response: HttpResponse, cors: Headers, close: bytes) -> bytes:
        head = _status_and_headers(response.status, response.headers + cors)
        if response.status in (204, 304):  # no content-length without a body (RFC 9110, 8.6)
            return b"%b%b%b\r\n" % (head, self._default_lines, close)
        return b"%b%bcontent-length: %d\r\n%b\r\n" % (head, self._default_lines, len(response.body), close)


@lru_cache(maxsize=256)
def _status_and_headers(status: int, headers: tuple[Header, ...]) -> bytes:
    """Return the status line and the response's own headers. Nearly all responses share a few of them."""
    return STATUS_LINE[status] + _lines((*headers, NOSNIFF))


def _lines(headers: list[Header] | tuple[Header, ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
