"""What a lane is to the connection that offers it requests."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from pollwire_server.auth.client_address import ClientAddress
from pollwire_server.problem_details import HttpResponse

Headers = Mapping[bytes, bytes]
Respond = Callable[[HttpResponse], None]


class RequestHead(NamedTuple):
    """What requests of a kind share: ``url`` as sent (path and query), header names in lower case."""

    method: bytes
    url: bytes
    headers: Headers
    """``authorization`` is looked for in the request, since it alone is another with each (``heads``)."""


class FastPathRequest(msgspec.Struct, frozen=True, gc=False):
    """One plain request."""

    head: RequestHead
    authorization: bytes | None
    body: bytes
    client: ClientAddress
    secure: bool


Handler = Callable[[FastPathRequest, Respond], None]


class CacheableHandler:
    """A handler that a head alone decides: found once, it deals with every request that has this head.

    It was found by nothing but the method, the address and the headers without ``authorization``.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, request: FastPathRequest, respond: Respond) -> None:
        """As ``Handler``."""


class FastPathRouter(Protocol):
    """What answers a family of plain requests."""

    def match(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """The handler of such a request, or None: the ordinary way. It must call ``respond`` exactly once."""


class WebSocketAcceptor(Protocol):
    """What takes WebSocket handshakes over, the transport and all that comes after included."""

    def accept(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        among: set[Any],  # of uvicorn's connections, which are of several classes
        *,
        client: ClientAddress,
    ) -> bool:
        """Whether the handshake was taken; ``rest`` is what the client sent behind it.

        A lane that takes it adds the transport's new protocol to ``among``, so that a drain finds it.
        """
