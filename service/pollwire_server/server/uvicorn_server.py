"""uvicorn as this service configures it: without signal handlers, and with a faster shutdown.

uvicorn's own signal handling does not suit this service. After a shutdown it raises the signal again, so that
the process ends by SIGTERM instead of with exit code 0. It also closes WebSockets with 1012 before
clients get a close reason with the time to reconnect. ``Server`` therefore installs no signal handlers.
``graceful_shutdown`` defines the order of a shutdown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from pollwire_server.http_protocol.connection_table import max_connections
from pollwire_server.server.listeners import BACKLOG, listener_url, open_listener
from pollwire_server.settings import Settings
from pollwire_server.store import open_store

log = logging.getLogger("pollwire.server")

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]  # Any: each framework types its own scope and messages

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Longest WebSocket message of a client. A longer one closes the connection with 1009."""
PING_INTERVAL_S: Final = 10.0
"""A ping without a reply within this time closes the connection, so a client that is gone is noticed within
20 s. Common proxies drop an idle connection after 30 s."""
REQUEST_GRACE_S: Final = 3
"""Time for requests in flight at a shutdown. Votes are answered within 1 s."""
CUT_OFF_S: Final = 0.5
"""Time for the tasks of closed connections to end."""
DRAIN_POLL_INTERVAL_S: Final = 0.02
KEEPALIVE_DRAIN_S: Final = 1.0
"""Time for idle connections to send one more request and get their last response. Then they are closed."""
FORCED_CLOSE_MS: Final = 100
"""Time for connections to send their close frames in a forced shutdown."""
TICKS_PER_S: Final = 10
"""uvicorn's rate. It renews the ``Date`` header on every tenth tick."""


class StartupFailed(Exception):
    """Raised if the application did not start. The log has the reason."""


class Server(uvicorn.Server):
    """uvicorn's server without signal handlers, with an event for readiness and a faster shutdown."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._exit_requested = asyncio.Event()
        self._listeners: list[socket.socket] = []
        super().__init__(config)
        self.is_serving = asyncio.Event()

    @property
    def should_exit(self) -> bool:
        """True once a shutdown was requested.

        uvicorn polls it at every tick; ``main_loop`` reacts at once.
        """
        return self._exit_requested.is_set()

    @should_exit.setter
    def should_exit(self, requested: bool) -> None:
        (self._exit_requested.set if requested else self._exit_requested.clear)()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick = (tick + 1) % TICKS_PER_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1 / TICKS_PER_S):
                    await self._exit_requested.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._listeners = sockets or []
        try:
            await super().startup(sockets)
        except SystemExit:  # in a task it would stop the whole event loop and everything else that runs there
            raise StartupFailed from None
        self.is_serving.set()

    def close_connections_after_response(self) -> list[FastPathProtocol]:
        """Close every HTTP connection, also those to come, with its next response. Return the open ones."""
        protocol = self.config.http
        if isinstance(protocol, type) and issubclass(protocol, FastPathProtocol):
            protocol.closes_after_response = True
        open_connections = [
            connection
            for connection in self.server_state.connections
            if isinstance(connection, FastPathProtocol)
        ]
        for connection in open_connections:
            connection.close_after_response()
        return open_connections

    async def stop_accepting(self) -> None:
        """Close the listeners after accepting the connections in their queues.

        A connection in the queue of a closed listener would be reset, unless the supervisor's copy of the
        listener keeps it for the next worker.
        """
        accepted = [connection for listener in self._listeners for connection in _accept_queue(listener)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in accepted:
            await loop.connect_accepted_socket(self._new_protocol, connection)

    def _new_protocol(self) -> asyncio.Protocol:
        """Return a protocol for one connection, as uvicorn's ``startup`` does."""
        create: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return create(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def close_idle_connections(self) -> None:
        """Close the listeners, and close every HTTP connection with its next response. No request is cut off.

        New connections wait in the listener's queue for the next worker.
        """
        for listener in self.servers:
            listener.close()
        open_connections = self.close_connections_after_response()
        until = asyncio.get_running_loop().time() + KEEPALIVE_DRAIN_S
        while asyncio.get_running_loop().time() < until:
            if not any(connection in self.server_state.connections for connection in open_connections):
                return
            await asyncio.sleep(DRAIN_POLL_INTERVAL_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.force_exit:
            await self._force_close(sockets or [])
        else:
            await super().shutdown(sockets)
        if self.force_exit:  # uvicorn skips the lifespan here, and background tasks would continue to run
            await self.lifespan.shutdown()

    async def _wait_tasks_to_complete(self) -> None:
        """Wait for requests in flight, and cut them off after ``REQUEST_GRACE_S``.

        uvicorn does so too, but logs an error. A stop during an upload is not an error.
        """
        try:
            async with asyncio.timeout(REQUEST_GRACE_S):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            connections, tasks = list(self.server_state.connections), list(self.server_state.tasks)
            log.info("Shutdown: %d connections with an incomplete request closed", len(connections))
            for connection in connections:
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()  # a canceled task would be logged as a failure of the application
            if tasks:
                await asyncio.wait(tasks, timeout=CUT_OFF_S)

    async def _force_close(self, sockets: list[socket.socket]) -> None:
        """Close all connections without waiting for requests in flight."""
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(FORCED_CLOSE_MS):
            if not self.server_state.connections:
                return
            await asyncio.sleep(0.001)


def _accept_queue(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept all connections in the queue of a non-blocking listener."""
    with contextlib.suppress(OSError):  # BlockingIOError: the queue is empty
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


def create_server(app: ASGIApp, *, http: str | type[asyncio.Protocol] = "httptools") -> Server:
    """Create a server for the application. ``http`` is the protocol class that parses requests.

    The default names a parser, because ``auto`` silently falls back to slower ones.
    """
    config = uvicorn.Config(
        app,
        http=http,
        ws=GuardedWebSocketProtocol,
        loop="none",
        lifespan="on",
        interface="asgi3",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_INTERVAL_S,
        log_config=None,
        log_level="warning",  # INFO logs addresses and query strings, which contain tickets
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        workers=1,  # set explicitly, so that uvicorn does not read WEB_CONCURRENCY
        timeout_keep_alive=75,
        timeout_graceful_shutdown=REQUEST_GRACE_S + 1,  # not reached: ``Server`` itself ends the wait
    )
    return Server(config)


def service_protocol_class(container: ServiceContainer) -> type[FastPathProtocol]:
    """Return the protocol class of this service, with a connection limit below the limit of open files."""
    return make_protocol_class(
        container.fast_path_routers,
        container.websocket_acceptor,
        ConnectionTimeouts(HttpLimits(connections=max_connections())),
        container.client_addresses,
        is_streaming_upload=container.is_streaming_upload,
        connection_share=container.connection_share,
        refusals=container.refusals,
        cors=container.cors,
    )


async def wait_until_serving(server: Server, serving: asyncio.Task[None]) -> None:
    """Return once the server accepts requests. Raises the exception that ended ``serving`` before."""
    waiting = asyncio.create_task(server.is_serving.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()


@contextlib.asynccontextmanager
async def running_service(settings: Settings, store_url: str) -> AsyncIterator[str]:
    """Run the whole service on this event loop and yield its URL. Port 0 selects a free port."""
    listener = open_listener(settings.host, settings.port)
    store = await open_store(store_url, namespace=settings.namespace)
    container = build(settings, store)
    server = create_server(container.app, http=service_protocol_class(container))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        await wait_until_serving(server, serving)
        yield listener_url(listener)
    finally:
        server.should_exit = True
        server.force_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await server.lifespan.shutdown()  # a forced exit skips it
        listener.close()
        await store.close()
