"""What a lane is to the connection that offers it requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from service.identity.clients import UNKNOWN, Client
from service.problems import Answer

Headers = Mapping[bytes, bytes]
Respond = Callable[[Answer], None]


class LaneRequest:
    """One plain request: ``url`` as sent (path and query), header names in lower case."""

    __slots__ = ("body", "client", "headers", "method", "secure", "url")

    def __init__(
        self,
        method: bytes,
        url: bytes,
        headers: Headers,
        body: bytes,
        secure: bool,
        *,
        client: Client = UNKNOWN,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.secure = secure
        self.client = client


Handler = Callable[[LaneRequest, Respond], None]


class Lane(Protocol):
    """What answers a family of plain requests."""

    def find(self, method: bytes, url: bytes, headers: Headers) -> Handler | None:
        """The handler of such a request, or None: the ordinary way. It must call ``respond`` exactly once."""


class SocketLane(Protocol):
    """What takes WebSocket handshakes over, the transport and all that comes after included."""

    def take(
        self,
        url: bytes,
        headers: Headers,
        rest: bytes,
        transport: asyncio.Transport,
        among: set[Any],  # of uvicorn's connections, which are of several classes
        *,
        client: Client,
    ) -> bool:
        """Whether the handshake was taken; ``rest`` is what the client sent behind it.

        A lane that takes it adds the transport's new protocol to ``among``, so that a drain finds it.
        """
