"""One request and the answer to it, watched on their way between the server and the framework.

A HEAD is a GET whose body stays here; a body is bounded while it arrives,
whether or not its length was told; and every answer gets the headers that are
due to it, whoever wrote it.
"""

from __future__ import annotations

import math
from typing import Any, Final
from urllib.parse import quote

from litestar.types import HTTPScope, Message, Receive, Scope, Send

from pollwire_server.domain.errors import BodyTooLarge, MalformedBody
from pollwire_server.http_protocol import is_streaming_upload
from pollwire_server.http_protocol.response_writer import NOSNIFF
from pollwire_server.problem_details import HttpResponse

OPERATORS: Final = "/v1/admin"
PUBLIC_BODY_BYTES: Final = 16 * 1024
OPERATORS_BODY_BYTES: Final = 256 * 1024
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATH_CHARACTERS: Final = "/-._~!$&'()*+,;=:@"
"""What a path may hold unescaped (RFC 3986, 3.3)."""


class HttpExchange:
    """One request and the answer to it, watched on their way."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.is_answered = False
        self.extra_headers: tuple[tuple[bytes, bytes], ...] = ()
        self._receive = receive
        self._send = send
        self._limit = _largest_body(scope)
        self._received = 0
        self._is_whole = False
        self._is_head = scope["method"] == "HEAD"

    @property
    def inner_scope(self) -> HTTPScope:
        """The scope for the framework, to which a HEAD is a GET (RFC 9110, 9.3.2).

        A method that nobody has heard of goes as PUT, which no address here
        takes, so that it is refused with what the address does take.
        """
        if self._is_head:
            return {**self.scope, "method": "GET"}
        return self.scope if self.scope["method"] in _METHODS else {**self.scope, "method": "PUT"}

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, the first where there are several."""
        return next((value for key, value in self.scope["headers"] if key == name), None)

    async def receive(self) -> Any:
        """The next message; raises ``BodyTooLarge`` before more than the limit is held.

        A client that leaves in the middle of a body is no failure of ours,
        so it must not look like one.
        """
        if self._received == 0 and _length_told(self) > self._limit:
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
        """Passes the answer on: with the headers that other sites' pages need, and bodiless for a HEAD."""
        if message["type"] == "http.response.start":
            self.is_answered = True
            message["headers"] = [*message.get("headers", ()), NOSNIFF, *self._headers_to_add(message)]
        if not self._is_head:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send(message)
            # The end at once: a stream's GET would never come to one by itself.
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _headers_to_add(self, message: Any) -> tuple[tuple[bytes, bytes], ...]:
        """Nothing where the door has settled by itself who may read the answer."""
        for name, value in message.get("headers", ()):
            if name.lower() == b"access-control-allow-origin":
                return ()
            if name.lower() == b"vary" and b"origin" in value.lower():
                return ()
        return self.extra_headers

    async def reply(self, answer: HttpResponse) -> None:
        """Sends a whole answer of our own."""
        length = () if answer.status == 204 else ((b"content-length", str(len(answer.body)).encode()),)
        headers = [*answer.headers, *length]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": False})


def instance_of(scope: Scope) -> str:
    """The path that was asked for, without its query, as a URI reference (RFC 9457, 3.1.5)."""
    return quote(scope["path"], safe=_PATH_CHARACTERS)


def is_below(path: str, prefix: str) -> bool:
    """Whether the path is the prefix, or leads on from it."""
    return path == prefix or path.startswith(prefix + "/")


def _length_told(exchange: HttpExchange) -> int:
    length = exchange.header(b"content-length") or b"0"
    return int(length) if length.isdigit() else 0


def _largest_body(scope: HTTPScope) -> float:
    path = scope["path"]
    if is_streaming_upload(scope["method"].encode(), path.encode("utf-8", "surrogateescape")):
        return math.inf
    return OPERATORS_BODY_BYTES if is_below(path, OPERATORS) else PUBLIC_BODY_BYTES
