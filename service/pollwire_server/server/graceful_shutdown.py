"""Graceful shutdown of one server: its triggers and its steps."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import Final

from pollwire_server.app import ServiceContainer
from pollwire_server.server.uvicorn_server import Server

log = logging.getLogger("pollwire.server")

RECONNECT_SPREAD_MS: Final = 3_000
"""Clients of streams reconnect at random moments within this time, so that they do not arrive all at once."""
HARD_STOP_S: Final = 12.0
"""A worker that hangs during its shutdown exits after this time. It must not outlive its supervisor."""


class ShutdownSignal:
    """The requests to stop this process. The first starts a graceful shutdown, the second a forced one.

    The supervisor announces a shutdown of the whole node before it requests it. A process that is only
    replaced gets no announcement: its node stays ready, and its listener stays open.
    """

    def __init__(self) -> None:
        self.announced = asyncio.Event()
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def request(self) -> None:
        """Request a shutdown. Called on a signal, and when the supervisor has exited."""
        (self.forced if self.requested.is_set() else self.requested).set()


async def shut_down(server: Server, container: ServiceContainer, signal: ShutdownSignal) -> None:
    """Wait for a shutdown request and stop the server.

    1. If the shutdown is announced, ``/readyz`` answers 503. Everything is still served, and every response
       closes its connection, so that no load balancer keeps one. The request follows ``drain_s`` later.
    2. After an announcement the listeners close first: load balancers use other nodes now. Without one they
       close after the streams, because the replacement serves their queue only later.
    3. Streams are asked to reconnect. Requests are still answered.
    4. Idle connections close with their next response. Requests in flight complete, and the server stops.

    A second request skips the rest and closes all connections.
    """
    await _wait_for_request(server, container, signal)
    _start_hard_stop_timer()
    draining = asyncio.create_task(_drain(server, container, signal), name="drain streams")
    forced = asyncio.create_task(signal.forced.wait(), name="wait for forced shutdown")
    await asyncio.wait((draining, forced), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await forced
    server.force_exit = True


async def _wait_for_request(server: Server, container: ServiceContainer, signal: ShutdownSignal) -> None:
    requested, announced = (
        asyncio.create_task(event.wait()) for event in (signal.requested, signal.announced)
    )
    await asyncio.wait((requested, announced), return_when=asyncio.FIRST_COMPLETED)
    announced.cancel()
    if signal.announced.is_set():
        container.health.is_draining = True
        server.close_connections_after_response()
    await requested


async def _drain(server: Server, container: ServiceContainer, signal: ShutdownSignal) -> None:
    try:
        if signal.announced.is_set():
            await server.stop_accepting()
        await container.drain(RECONNECT_SPREAD_MS)
    except Exception:  # the server must stop even if draining fails
        log.exception("Draining failed; some clients were not asked to reconnect")
    await server.close_idle_connections()


def _start_hard_stop_timer() -> None:
    """Start the timer in a thread of its own, because an event loop that hangs runs no timers."""
    timer = threading.Timer(HARD_STOP_S, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
