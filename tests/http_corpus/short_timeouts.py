"""A service behind lanes whose deadlines are of a test's patience, and readers who do not read."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from pollwire_server.app import ServiceContainer
from pollwire_server.auth.origins import OriginPolicy
from pollwire_server.http_protocol import ConnectionTimeouts, HttpLimits, make_protocol_class
from pollwire_server.live.asgi.frame_sender import StreamTimeouts
from pollwire_server.live.fast_path.router import LiveFastPath
from pollwire_server.live.fast_path.timer_wheel import TimerWheel
from pollwire_server.live.fast_path.websocket_connection import FastWebSocket
from pollwire_server.live.result_responses import ResultResponses
from pollwire_server.live.stream_session import LiveContext
from pollwire_server.server import Server

from tests.http_corpus.case import vote
from tests.http_corpus.handshakes import handshake
from tests.http_corpus.raw_client import Talk, talk
from tests.http_corpus.servers import make_polls, serving, settings_of

TURN_S = 0.02
PATIENT = HttpLimits(sweep_s=TURN_S)
"""The limits of the service, looked after as often as a test can wait."""

AS_EVER = StreamTimeouts()


class Quick(NamedTuple):
    """The service, and what a test looks into."""

    port: int
    wiring: ServiceContainer
    server: Server
    deadlines: ConnectionTimeouts

    @property
    def sockets(self) -> list[FastWebSocket]:
        """The lane's open sockets."""
        return [one for one in self.server.server_state.connections if isinstance(one, FastWebSocket)]

    async def voters(self, poll: str) -> int:
        """How many have voted, by a fresh read."""
        change = await self.wiring.feed.read_fresh(poll)
        return change.whole.results.voters or 0


@asynccontextmanager
async def quick(
    store_url: str,
    *,
    limits: HttpLimits = PATIENT,
    pace: StreamTimeouts = AS_EVER,
    hz: float = 100,
    **polls: dict[str, object],
) -> AsyncIterator[Quick]:
    """A service with these polls (``lunch`` at least) and these deadlines."""
    settings = settings_of(store_url, f"q{secrets.token_hex(4)}", stream_hz=hz)
    deadlines = ConnectionTimeouts(limits)

    def protocol(wiring: ServiceContainer) -> type[asyncio.Protocol]:
        live = LiveContext(wiring.door, wiring.feed, wiring.hub, pace)
        lane = LiveFastPath(live, ResultResponses(wiring.door, OriginPolicy(settings), 0), TimerWheel(TURN_S))
        return make_protocol_class((wiring.lanes[0], lane), lane, deadlines)

    async with serving(store_url, settings, protocol) as (port, wiring, server):
        await make_polls(port, {"lunch": {"identity": "open"}, **polls})
        yield Quick(port, wiring, server, deadlines)


@asynccontextmanager
async def opened(service: Quick, path: str = "/v1/polls/lunch/live") -> AsyncIterator[Talk]:
    """A socket that is open; what it says first is still to be read."""
    async with talk(service.port) as connection:
        await connection.send([handshake(path=path)])
        answer = await connection.answer()
        assert answer is not None
        assert answer.status == 101
        yield connection


class Deaf:
    """A client with small buffers that reads only when it is told to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)
        self._port = port
        self._reading: Talk | None = None

    async def __aenter__(self) -> Deaf:
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is None:
            self.socket.close()
        else:
            self._reading.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Sends all of it."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def read_on(self) -> Talk:
        """From now on it reads."""
        reader, writer = await asyncio.open_connection(sock=self.socket)
        self._reading = Talk(reader, writer)
        return self._reading


async def votes(service: Quick, poll: str, times: int) -> None:
    """So many votes in an open poll, one after another, each counted."""
    async with talk(service.port) as connection:
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
"""A poll whose results take some 4 KB; Any: JSON."""
