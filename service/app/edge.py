"""What every request passes before it reaches a door, and every answer after it left one.

The web framework stands between two jobs that it does not do as this service
promises: a HEAD wherever there is a GET; operators' addresses that ask for the
key before they tell what exists; CORS by each poll's own rule, preflights
included; bodies bounded while they arrive, whether or not their length was
told; and an answer in our own form to whatever else goes wrong, sockets
included. So the application is wrapped once, here, and the wrapping is plain
ASGI: one call, no request objects.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from litestar.enums import ScopeType
from litestar.exceptions import ClientException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send, WebSocketScope

from service.domain.errors import BodyTooLarge, MalformedBody, NotFound, PollwireError
from service.identity.api_keys import ApiKeys
from service.identity.clients import Clients
from service.identity.origins import PUBLIC_METHODS
from service.identity.sites import MOST_NAMED, Sites, polls_named
from service.problems import Answer, answer_of, error_of
from service.protocol import is_endless
from service.protocol.writing import NOSNIFF
from service.telemetry.logs import about_one_request

log = logging.getLogger("pollwire.edge")

PUBLIC: Final = "/v1/"
OPERATORS: Final = "/v1/admin"
PUBLIC_BODY_BYTES: Final = 16 * 1024
OPERATORS_BODY_BYTES: Final = 256 * 1024
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FAILURE: Final = "pollwire_failure"
"""Where ``remember_failure`` leaves an exception in the scope of a socket."""

_POLL_OF_PATH = re.compile(r"/v1/polls/(?P<poll>[a-z0-9][a-z0-9-]{0,63})(/|\Z)")
_PATH_CHARACTERS: Final = "/-._~!$&'()*+,;=:@"
"""What a path may hold unescaped (RFC 3986, 3.3)."""
_UNEXPECTED_CLOSE: Final = 4500
"""What the framework closes a socket with when a handler raised."""
_INTERNAL_ERROR: Final = 1011
"""What RFC 6455 (7.4.1) has for that."""

_OF_SERIES: Final = "/v1/series/"
_FOR_POLLS: Final[Mapping[str, int]] = {"/v1/voters": 1, "/v1/tickets": 1, "/v1/events": MOST_NAMED}
"""Addresses of no one poll, and how many polls a request may name to be judged by their rule."""


class Edge:
    """The application as the server calls it."""

    def __init__(self, app: ASGIApp, *, keys: ApiKeys, sites: Sites, clients: Clients) -> None:
        self._app = app
        self._clients = clients
        self._keys = keys
        self._sites = sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any ASGI scope."""
        if scope["type"] == ScopeType.HTTP:
            self._clients.mark(scope)
            with about_one_request():
                await self._request(scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:
            self._clients.mark(scope)
            with about_one_request():
                await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except Exception as failure:
            if exchange.is_answered:
                log.exception("An answer broke off.")
                return
            await exchange.reply(answer_of(error_of(failure), instance_of(scope)))

    async def _answer(self, exchange: _Exchange) -> None:
        path = exchange.scope["path"]
        if _is_below(path, OPERATORS):
            await self._keys.admit(exchange.header(b"authorization"))
        elif path.startswith(PUBLIC) and await self._crosses_origins(exchange):
            return
        await self._app(exchange.inner_scope, exchange.receive, exchange.send)

    async def _crosses_origins(self, exchange: _Exchange) -> bool:
        """Settles what other sites' pages get; whether the request was a preflight, and is answered."""
        origin, host = _text(exchange.header(b"origin")), _text(exchange.header(b"host"))
        origins, rule = self._sites.origins, None
        if origin is not None:
            rule = await self._sites.rule(origin, host, _polls_of(exchange.scope))
        if origin is None or not _is_preflight(exchange):
            exchange.extra_headers = origins.cors_headers(origin, host, rule)
            return False
        headers = origins.preflight_headers(origin, host, PUBLIC_METHODS, rule)
        await exchange.reply(Answer(204, headers, b""))
        return True

    async def _socket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        handshake = _Handshake(scope, send)
        try:
            await self._app(scope, receive, handshake.send)
        except Exception as failure:
            await handshake.fail(failure)


class _Exchange:
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
        self._is_done = False

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
        return _header(self.scope, name)

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
            message["headers"] = [*message.get("headers", ()), NOSNIFF, *self._missing_from(message)]
        if not self._is_head:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._send(message)
            # The end at once: a stream's GET would never come to one by itself.
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _missing_from(self, message: Any) -> tuple[tuple[bytes, bytes], ...]:
        """Nothing where the door has settled by itself who may read the answer."""
        for name, value in message.get("headers", ()):
            if name.lower() == b"access-control-allow-origin":
                return ()
            if name.lower() == b"vary" and b"origin" in value.lower():
                return ()
        return self.extra_headers

    async def reply(self, answer: Answer) -> None:
        """Sends a whole answer of our own."""
        length = () if answer.status == 204 else ((b"content-length", str(len(answer.body)).encode()),)
        headers = [*answer.headers, *length]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": False})


class _Handshake:
    """A socket until it is accepted or refused, and the code it is closed with."""

    def __init__(self, scope: WebSocketScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._is_open = False
        self._is_refused = False

    async def send(self, message: Any) -> None:
        """Passes messages on; where the framework would only close, the client gets a status and a reason.

        An unknown address closed before it is accepted would be a bare 403.
        """
        if message["type"] == "websocket.close":
            await self._close(message)
            return
        self._is_open = self._is_open or message["type"] == "websocket.accept"
        self._is_refused = self._is_refused or message["type"] == "websocket.http.response.start"
        await self._send(message)

    async def fail(self, failure: Exception) -> None:
        """What a handler raised, told as far as it still can be."""
        if self._is_refused:
            log.error("A refused handshake broke off.", exc_info=failure)
        elif self._is_open:
            error_of(failure)  # logged there
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._refuse(failure)

    async def _close(self, message: Any) -> None:
        failure = self._scope.get(FAILURE)
        if not self._is_open and isinstance(failure, Exception):
            await self._refuse(failure)
        elif message.get("code") == _UNEXPECTED_CLOSE:
            await self._send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": ""})
        else:
            await self._send(message)

    async def _refuse(self, failure: Exception) -> None:
        answer = answer_of(_error_of_handshake(failure), instance_of(self._scope))
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        self._is_refused = True
        headers = [*answer.headers, NOSNIFF, (b"content-length", str(len(answer.body)).encode())]
        start: Any = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
        body: Any = {"type": "websocket.http.response.body", "body": answer.body, "more_body": False}
        await self._send(start)  # of ASGI's extension, which the framework's types do not know
        await self._send(body)


async def remember_failure(failure: Exception, scope: Scope) -> None:
    """For the framework's ``after_exception``, which is told what it is about to close a socket for."""
    if scope["type"] == ScopeType.WEBSOCKET:
        scope[FAILURE] = failure  # type: ignore[typeddict-unknown-key]  # a scope may carry keys of ours


def instance_of(scope: Scope) -> str:
    """The path that was asked for, without its query, as a URI reference (RFC 9457, 3.1.5)."""
    return quote(scope["path"], safe=_PATH_CHARACTERS)


def _error_of_handshake(failure: Exception) -> PollwireError:
    """The framework knows no 404 for sockets: an address without one is a client's error to it."""
    if isinstance(failure, ClientException) and failure.status_code == 400:
        return NotFound("There is no socket at this address.")
    return error_of(failure)


def _polls_of(scope: HTTPScope) -> tuple[str, ...]:
    """The polls whose rule a request is judged by."""
    found = _POLL_OF_PATH.match(scope["path"])
    if found:
        return (found["poll"],)
    most = 1 if scope["path"].startswith(_OF_SERIES) else _FOR_POLLS.get(scope["path"], 0)
    return polls_named(scope["query_string"], most)


def _is_preflight(exchange: _Exchange) -> bool:
    """As the Fetch standard (3.2.2) knows one."""
    is_options = exchange.scope["method"] == "OPTIONS"
    return is_options and exchange.header(b"access-control-request-method") is not None


def _length_told(exchange: _Exchange) -> int:
    length = exchange.header(b"content-length") or b"0"
    return int(length) if length.isdigit() else 0


def _largest_body(scope: HTTPScope) -> float:
    path = scope["path"]
    if is_endless(scope["method"].encode(), path.encode("utf-8", "surrogateescape")):
        return math.inf
    return OPERATORS_BODY_BYTES if _is_below(path, OPERATORS) else PUBLIC_BODY_BYTES


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _header(scope: HTTPScope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
