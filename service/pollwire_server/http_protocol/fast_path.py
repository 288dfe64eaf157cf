"""Interfaces between an HTTP connection and the fast-path routers that answer its requests."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.problem_details import HttpResponse

Headers = Mapping[bytes, bytes]
"""Headers by name, in lower case. No name occurs twice."""
Respond = Callable[[HttpResponse], None]
"""Sends the response to one request."""


class RequestHead(NamedTuple):
    """The part of a request that requests of one kind share."""

    method: bytes
    url: bytes
    """The request target as sent: path and query."""
    headers: Headers
    """May lack ``authorization``. Read it from the request, because it differs in each (see
    ``head_cache``)."""
    origin: str | None = None
    host: str | None = None
    cors_headers: tuple[tuple[bytes, bytes], ...] = ()
    """CORS headers by the service's own rule, for responses without ``poll_origins``."""


class FastPathRequest(msgspec.Struct, frozen=True, gc=False):
    """A complete request on the fast path."""

    head: RequestHead
    authorization: bytes | None
    body: bytes
    client: ClientAddress
    secure: bool


Handler = Callable[[FastPathRequest, Respond], None]
"""Answers one request, now or later, by calling ``respond`` exactly once."""


class CacheableHandler:
    """A handler that depends on the request head alone, so that it serves every request with this head.

    A router returns it only if it looked at nothing but the method, the URL and the headers without
    ``authorization``.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        """Answer the request. Called like any ``Handler``."""


class FastPathRouter(Protocol):
    """Router for one family of requests."""

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """Return the handler for this request, or None to send it down the ASGI path."""


class ServerConnection(Protocol):
    """A connection that the server closes when it shuts down."""

    def shutdown(self) -> None:
        """Close the connection, with a close frame or after the current response."""


class ConnectionRegistry(Protocol):
    """The set of open connections that the server waits for when it shuts down."""

    def add(self, connection: ServerConnection, /) -> None:
        """Register a connection."""

    def discard(self, connection: ServerConnection, /) -> None:
        """Remove a connection. Unknown connections are ignored."""


class WebSocketAcceptor(Protocol):
    """Takes over WebSocket connections, including the transport, from the handshake on."""

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        server_connections: ConnectionRegistry,
        *,
        client: ClientAddress,
    ) -> bool:
        """Answer the handshake and take over its transport. Return False to leave it to the ASGI path.

        ``rest`` holds the bytes that followed the handshake. An acceptor that returns True adds the
        transport's new protocol to ``server_connections``, so that a graceful shutdown finds it.
        """
