"""The end of one server: who asks for it, and what happens when."""

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
"""Readers are told to come back within this time, each at its own moment: no stampede."""
HARD_STOP_S: Final = 12.0
"""A worker that hangs while it stops ends itself after this; it must not outlive its service."""


class ShutdownSignal:
    """Whether this process was asked to stop: once means in order, again means at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.asked_again = asyncio.Event()

    def ask(self) -> None:
        """To be called on a signal, and when the supervisor is gone."""
        (self.asked_again if self.asked.is_set() else self.asked).set()


async def drain(server: Server, wiring: ServiceContainer, stop: ShutdownSignal) -> None:
    """The end of one server, once it is asked for.

    In order: ``/readyz`` says 503 and readers are told when to come back while requests are still
    answered; then nobody new is accepted and kept connections end with their next answer; what is in
    flight ends, and the server stops. Asked again: whatever is in flight is cut.
    """
    await stop.asked.wait()
    _end_by_deadline()
    telling = asyncio.create_task(_take_leave(server, wiring), name="take leave")
    again = asyncio.create_task(stop.asked_again.wait(), name="asked to hurry")
    await asyncio.wait((telling, again), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await again
    server.force_exit = True


async def _take_leave(server: Server, wiring: ServiceContainer) -> None:
    try:
        await wiring.drain(RECONNECT_SPREAD_MS)
    except Exception:  # a drain that fails must still end in a stop
        log.exception("Not every reader could be told to come back.")
    await server.close_idle_connections()


def _end_by_deadline() -> None:
    """A thread of its own: an event loop that hangs runs no timer."""
    timer = threading.Timer(HARD_STOP_S, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
