"""A service with timeouts short enough for tests, and clients that do not read."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from pollwire_server.app import ServiceContainer
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class
from pollwire_server.live.fast_path.router import LiveFastPath
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.live.timeouts import StreamTimeouts
from pollwire_server.server import Server

from tests.http_corpus.case import vote
from tests.http_corpus.handshakes import handshake
from tests.http_corpus.raw_client import RawConnection, raw_connection
from tests.http_corpus.servers import make_polls, serving, settings_of

TICK_S = 0.02
DEFAULT_LIMITS = HttpLimits(sweep_s=TICK_S)
"""The default limits, checked often enough for tests."""

DEFAULT_TIMEOUTS = StreamTimeouts()


class QuickService(NamedTuple):
    """A running service and its internals."""

    port: int
    container: ServiceContainer
    server: Server
    timeouts: ConnectionTimeouts

    @property
    def sockets(self) -> list[FastWebSocket]:
        """The open WebSockets of the fast path."""
        return [one for one in self.server.server_state.connections if isinstance(one, FastWebSocket)]

    async def voters(self, poll: str) -> int:
        """Return the number of voters, read from the store."""
        change = await self.container.feed.read_fresh(poll)
        return change.full.results.voters or 0


@asynccontextmanager
async def quick_service(
    store_url: str,
    *,
    limits: HttpLimits = DEFAULT_LIMITS,
    stream_timeouts: StreamTimeouts = DEFAULT_TIMEOUTS,
    hz: float = 100,
    **polls: dict[str, object],
) -> AsyncIterator[QuickService]:
    """Run a service with these polls (and ``lunch``), limits and timeouts."""
    settings = settings_of(store_url, f"q{secrets.token_hex(4)}", stream_hz=hz)
    timeouts = ConnectionTimeouts(limits)

    def protocol(container: ServiceContainer) -> type[asyncio.Protocol]:
        live = LiveContext(container.read_access, container.feed, container.hub, stream_timeouts)
        live_fast_path = LiveFastPath(live, ResultResponses(container.read_access, 0), TimerWheel(TICK_S))
        routers = (container.fast_path_routers[0], live_fast_path)
        return make_protocol_class(routers, live_fast_path, timeouts, cors=container.cors)

    async with serving(store_url, settings, protocol) as (port, container, server, _):
        await make_polls(port, {"lunch": {"identity": "open"}, **polls})
        yield QuickService(port, container, server, timeouts)


@asynccontextmanager
async def opened(service: QuickService, path: str = "/v1/polls/lunch/live") -> AsyncIterator[RawConnection]:
    """Open a WebSocket. Its first message is still to be read."""
    async with raw_connection(service.port) as connection:
        await connection.send([handshake(path=path)])
        answer = await connection.answer()
        assert answer is not None
        assert answer.status == 101
        yield connection


class NonReadingClient:
    """A client with small buffers that does not read until ``start_reading``."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)
        self._port = port
        self._reading: RawConnection | None = None

    async def __aenter__(self) -> NonReadingClient:
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is None:
            self.socket.close()
        else:
            self._reading.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send all data."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def start_reading(self) -> RawConnection:
        """Start to read and return the connection."""
        reader, writer = await asyncio.open_connection(sock=self.socket)
        self._reading = RawConnection(reader, writer)
        return self._reading


async def votes(service: QuickService, poll: str, times: int) -> None:
    """Cast votes in an open poll, one after another, and check that each counts."""
    async with raw_connection(service.port) as connection:
        for _ in range(times):
            await connection.send([vote("", poll=poll)])
            answer = await connection.answer()
            assert answer is not None
            assert answer.status == 200, answer.body


LONG: Any = {
    "identity": "open",
    "options": [{"id": "rice", "label": "Rice"}]
    + [{"id": f"{place:02}-{'x' * 60}", "label": "x"} for place in range(49)],
}
"""A poll with results of about 4 KB. Any: JSON."""
