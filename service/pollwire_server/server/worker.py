"""One worker of ``pollwire up``, from what it is handed to its exit code.

It is handed its listening socket by inheritance and one JSON line on standard
input, so no secret is ever in an argument or in the environment. The pipe then
stays open as a lifeline: its end means that the supervisor is gone, and the
worker drains as if it had been told to. It says ``ready`` on standard output
once it serves, and logs to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from typing import Final

import msgspec
import uvloop

from pollwire_server.app import build
from pollwire_server.server.graceful_shutdown import ShutdownSignal, drain
from pollwire_server.server.uvicorn_server import StartupFailed, create_server, protocol_of, until_serving
from pollwire_server.settings import Settings, decode_settings, encode_settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.telemetry import configure_logging

log = logging.getLogger("pollwire.server")

COLLECT_EVERY_OBJECTS: Final = 20_000
"""More than the votes of a full batch keep alive at once."""
EXIT_UNFIT: Final = 78
"""EX_CONFIG of sysexits.h: to start again would change nothing, so the supervisor does not."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told on standard input, in one line of JSON."""

    settings: msgspec.Raw
    store_url: str
    listener_fd: int
    worker: int


def handover(settings: Settings, store_url: str, listener: socket.socket, worker: int) -> bytes:
    """The line that ``main`` reads."""
    told = WorkerConfig(
        settings=msgspec.Raw(encode_settings(settings)),
        store_url=store_url,
        listener_fd=listener.fileno(),
        worker=worker,
    )
    return msgspec.json.encode(told) + b"\n"


def main() -> int:
    """Serve until told to stop; the exit code."""
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerConfig)
    settings = decode_settings(bytes(told.settings))
    configure_logging(settings)
    _raise_file_limit(told.worker)
    try:
        uvloop.run(_work(settings, told))
    except UnsupportedStore as error:
        log.critical("%s", error)
        return EXIT_UNFIT
    except StartupFailed:
        return 1
    return 0


def _raise_file_limit(worker: int) -> None:
    """Every reader is an open file, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS refuses 'unlimited' although it names it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    now_soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    log.info("Worker %d may open %d files (the limit was %d).", worker, now_soft, soft)


async def _work(settings: Settings, told: WorkerConfig) -> None:
    stop = ShutdownSignal()
    _listen_for_stops(stop)
    store = await open_store(told.store_url, namespace=settings.namespace)
    try:
        await _serve(settings, store, socket.socket(fileno=told.listener_fd), stop)
    finally:
        await store.close()


async def _serve(settings: Settings, store: Store, listener: socket.socket, stop: ShutdownSignal) -> None:
    wiring = build(settings, store)
    server = create_server(wiring.app, http=protocol_of(wiring))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    await until_serving(server, serving)
    _tune_gc()
    print("ready", flush=True)  # noqa: T201  # the supervisor waits for this word
    draining = asyncio.create_task(drain(server, wiring, stop), name="drain")
    try:
        await serving
    finally:
        draining.cancel()


def _tune_gc() -> None:
    """What stands by now stands for good, and is looked through no more; votes are freed by counts.

    The collector only finds cycles, which are rare here, and by default it would look for some
    every 700 objects: with a few hundred votes in flight that is several times a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_OBJECTS, 20, 20)


def _listen_for_stops(stop: ShutdownSignal) -> None:
    """Signals, and the end of standard input: the supervisor holds the other end as long as it lives."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask)
    lifeline = sys.stdin.fileno()

    def at_end() -> None:
        loop.remove_reader(lifeline)
        log.warning("The supervisor is gone; this worker stops.")
        stop.ask()

    loop.add_reader(lifeline, at_end)  # nothing is ever written after the handover: readable means ended
