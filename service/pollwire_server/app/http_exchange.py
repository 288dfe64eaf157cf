"""One HTTP request and its response, between the server and Litestar.

HEAD is handled as GET without the response body. Request bodies are limited while they arrive, with or
without a ``content-length``. Every response gets its CORS and security headers, no matter which handler wrote
it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from litestar.types import HTTPScope, Message, Receive, Scope, Send

from pollwire_server.auth.cors import Headers
from pollwire_server.domain.errors import BodyTooLarge, MalformedBody
from pollwire_server.http_protocol.response_writer import NOSNIFF
from pollwire_server.problem_details import HttpResponse

ADMIN_PREFIX: Final = "/v1/admin"
MAX_PUBLIC_BODY_BYTES: Final = 16 * 1024
MAX_ADMIN_BODY_BYTES: Final = 256 * 1024
_SERIES: Final = f"{ADMIN_PREFIX}/series/"
"""Paths that support PUT but not DELETE. Other paths do not support PUT."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATH_CHARACTERS: Final = "/-._~!$&'()*+,;=:@"
"""Characters that need no escape in a path (RFC 3986, 3.3)."""
_BULK_VOTES: Final = re.compile(rb"/v1/admin/polls/[^/?]+/votes(\?|\Z)")


class HttpExchange:
    """One HTTP request and its response, between the server and Litestar."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.is_answered = False
        self.extra_headers: Callable[[], Headers] = tuple
        """Returns the CORS headers when the response starts."""
        self._receive = receive
        self._send = send
        self._limit = _max_body_bytes(scope)
        self._received = 0
        self._is_whole = False
        self._is_head = scope["method"] == "HEAD"

    @property
    def inner_scope(self) -> HTTPScope:
        """The scope for Litestar, with GET in place of HEAD (RFC 9110, 9.3.2).

        An unknown method is passed as one that the path does not support. So the response is 405 and lists
        the supported methods.
        """
        if self._is_head:
            return {**self.scope, "method": "GET"}
        if self.scope["method"] in _METHODS:
            return self.scope
        has_put = self.scope["path"].startswith(_SERIES)
        return {**self.scope, "method": "DELETE" if has_put else "PUT"}

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.scope["headers"] if key == name), None)

    async def receive(self) -> Any:
        """Return the next ASGI message. Raises ``BodyTooLarge`` before more than the limit is buffered.

        Raises ``MalformedBody`` if the client disconnects within the body, so that it is not logged as a
        server error.
        """
        if self._received == 0 and _declared_length(self) > self._limit:
            raise BodyTooLarge(int(self._limit))
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            if self._received > self._limit:
                raise BodyTooLarge(int(self._limit))
        elif not self._is_whole and not self.is_answered:
            raise MalformedBody("The body ended early.")
        return message

    async def send(self, message: Message) -> None:
        """Send an ASGI message of the response, with CORS headers added, and without the body for HEAD."""
        if message["type"] == "http.response.start":
            self.is_answered = True
            message["headers"] = [*message.get("headers", ()), NOSNIFF, *self.extra_headers()]
        if not self._is_head:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send(message)
            # End here, because the response of a stream would not end by itself.
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def reply(self, response: HttpResponse) -> None:
        """Send a complete response that bypasses Litestar."""
        length = () if response.status == 204 else ((b"content-length", str(len(response.body)).encode()),)
        headers = [*response.headers, *length]
        await self.send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": response.body, "more_body": False})


def instance_of(scope: Scope) -> str:
    """Return the path of the request without its query, as a URI reference (RFC 9457, 3.1.5)."""
    return quote(scope["path"], safe=_PATH_CHARACTERS)


def is_below(path: str, prefix: str) -> bool:
    """Return True if the path is the prefix or below it."""
    return path == prefix or path.startswith(prefix + "/")


def is_streaming_upload(method: bytes, url: bytes) -> bool:
    """Return True if the request is a bulk upload of votes, whose body may have any length."""
    return method == b"POST" and _BULK_VOTES.match(url) is not None


def _declared_length(exchange: HttpExchange) -> int:
    length = exchange.header(b"content-length") or b"0"
    return int(length) if length.isdigit() else 0


def _max_body_bytes(scope: HTTPScope) -> float:
    path = scope["path"]
    if is_streaming_upload(scope["method"].encode(), path.encode("utf-8", "surrogateescape")):
        return math.inf
    return MAX_ADMIN_BODY_BYTES if is_below(path, ADMIN_PREFIX) else MAX_PUBLIC_BODY_BYTES
