"""uvicorn as this service runs it: set up, without signals, and quick to stop.

It would handle signals itself, and badly for us: after a shutdown it raises
the signal again, so that the process ends by SIGTERM instead of with 0, and it
closes sockets with 1012 before anybody could tell their readers when to come
back. So ``Server`` takes no signals, and ``stopping`` says what happens when.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn

from pollwire_server.app import ServiceContainer, build
from pollwire_server.http_protocol import (
    ConnectionTimeouts,
    FastPathProtocol,
    GuardedWebSocketProtocol,
    HttpLimits,
    make_protocol_class,
)
from pollwire_server.http_protocol.over_capacity import RESERVED_FILES
from pollwire_server.server.listeners import BACKLOG, address_of, listening
from pollwire_server.settings import Settings
from pollwire_server.store import open_store

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]  # Any: each framework types its own scope and messages

MESSAGE_LIMIT_BYTES: Final = 16 * 1024
"""What a reader may send in one message on a socket; a longer one is closed with 1009."""
PING_S: Final = 20.0
"""Below the 30 s after which common proxies drop a silent connection; an unanswered ping ends the socket."""
REQUESTS_GRACE_S: Final = 3
"""Requests in flight at a stop get this long; votes are answered or refused within 1 s."""
GLANCE_S: Final = 0.02
KEEPALIVE_DRAIN_S: Final = 1.0
"""Kept connections have this long for one more request, whose answer is the last; then idle ones are cut."""
CUT_MS: Final = 100
"""In a hurry connections have this long to say why they close."""
TICKS_A_SECOND: Final = 10
"""uvicorn's, which counts on it: every tenth tick it renews the date that answers carry."""


class StartupFailed(Exception):
    """The application did not start; the log has the reason."""


class Server(uvicorn.Server):
    """uvicorn's server without its signal handling, with an event that says it serves, and quick to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._stop_asked = asyncio.Event()
        super().__init__(config)
        self.is_serving = asyncio.Event()

    @property
    def should_exit(self) -> bool:
        """Whether it was asked to stop: uvicorn's looks for it at every tick, ours hears of it at once."""
        return self._stop_asked.is_set()

    @should_exit.setter
    def should_exit(self, asked: bool) -> None:
        (self._stop_asked.set if asked else self._stop_asked.clear)()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick = (tick + 1) % TICKS_A_SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1 / TICKS_A_SECOND):
                    await self._stop_asked.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # in a task it would tear down the whole event loop, whoever else runs there
            raise StartupFailed from None
        self.is_serving.set()

    async def close_idle_connections(self) -> None:
        """Accept nobody any more, and let every kept connection end with an answer; no request is cut.

        Who comes now waits in the listener's queue for the worker that follows.
        """
        for listener in self.servers:
            listener.close()
        staying = [kept for kept in self.server_state.connections if isinstance(kept, FastPathProtocol)]
        for kept in staying:
            kept.close_after_response()
        until = asyncio.get_running_loop().time() + KEEPALIVE_DRAIN_S
        while asyncio.get_running_loop().time() < until:
            if not any(kept in self.server_state.connections for kept in staying):
                return
            await asyncio.sleep(GLANCE_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.force_exit:
            await self._force_close(sockets or [])
        else:
            await super().shutdown(sockets)
        if self.force_exit:  # in a hurry uvicorn leaves this out, and tasks beside the requests would go on
            await self.lifespan.shutdown()

    async def _force_close(self, sockets: list[socket.socket]) -> None:
        """The stop of a server in a hurry: connections are closed, and nobody's request is waited for."""
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(CUT_MS):
            if not self.server_state.connections:
                return
            await asyncio.sleep(0.001)


def create_server(app: ASGIApp, *, http: str | type[asyncio.Protocol] = "httptools") -> Server:
    """A server of the application; ``http`` is the protocol class that reads requests.

    Named rather than left to ``auto``, which falls back to slower parsers in silence.
    """
    config = uvicorn.Config(
        app,
        http=http,
        ws=GuardedWebSocketProtocol,
        loop="none",
        lifespan="on",
        interface="asgi3",
        ws_max_size=MESSAGE_LIMIT_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        log_config=None,
        log_level="warning",  # INFO writes addresses and query strings, and tickets travel there
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        workers=1,  # given, so that uvicorn does not look for WEB_CONCURRENCY
        timeout_keep_alive=75,
        timeout_graceful_shutdown=REQUESTS_GRACE_S,
    )
    return Server(config)


def protocol_of(wiring: ServiceContainer) -> type[FastPathProtocol]:
    """What reads this service's requests: its lanes, and the ordinary way behind them."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    connections = 1_000_000 if files == resource.RLIM_INFINITY else max(files - RESERVED_FILES, files // 2)
    deadlines = ConnectionTimeouts(HttpLimits(connections=connections))
    return make_protocol_class(wiring.lanes, wiring.socket_lane, deadlines, wiring.clients)


async def until_serving(server: Server, serving: asyncio.Task[None]) -> None:
    """Return once the server serves; raises what ended it before."""
    waiting = asyncio.create_task(server.is_serving.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()


@contextlib.asynccontextmanager
async def running(settings: Settings, store_url: str) -> AsyncIterator[str]:
    """The whole service on this event loop, on a port of its own unless one is set; yields its address."""
    listener = listening(settings.host, settings.port)
    store = await open_store(store_url, namespace=settings.namespace)
    wiring = build(settings, store)
    server = create_server(wiring.app, http=protocol_of(wiring))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        await until_serving(server, serving)
        yield address_of(listener)
    finally:
        server.should_exit = True
        server.force_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await server.lifespan.shutdown()  # which a forced exit leaves out
        listener.close()
        await store.close()
