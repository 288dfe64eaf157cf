"""One worker process of ``pollwire up``.

The supervisor passes the listening socket by inheritance and the configuration as one line of JSON on
standard input. So no secret appears in an argument or in the environment. The pipe then stays open. Its end
means that the supervisor has exited, and the worker shuts down as if it had received a signal. The worker
prints ``ready`` on standard output once it serves, and logs to standard error.
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
from pollwire_server.server.graceful_shutdown import ShutdownSignal, shut_down
from pollwire_server.server.uvicorn_server import (
    StartupFailed,
    create_server,
    service_protocol_class,
    wait_until_serving,
)
from pollwire_server.settings import Settings, decode_settings, encode_settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.telemetry import configure_logging

log = logging.getLogger("pollwire.server")

GC_THRESHOLD_OBJECTS: Final = 20_000
"""Allocations between two runs of the garbage collector. The votes of a full batch keep fewer objects
alive."""
EXIT_CONFIG: Final = 78
"""EX_CONFIG of sysexits.h. A restart would not help, so the supervisor does not restart the worker."""


SHUTDOWN_ANNOUNCEMENT: Final = signal.SIGUSR1
"""Signal of the supervisor to a worker that serves: the whole node will stop."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a worker, sent on standard input as one line of JSON."""

    settings: msgspec.Raw
    store_url: str
    listener_fd: int
    worker: int


def encode_worker_config(settings: Settings, store_url: str, listener: socket.socket, worker: int) -> bytes:
    """Return the line that ``main`` reads from standard input."""
    config = WorkerConfig(
        settings=msgspec.Raw(encode_settings(settings)),
        store_url=store_url,
        listener_fd=listener.fileno(),
        worker=worker,
    )
    return msgspec.json.encode(config) + b"\n"


def main() -> int:
    """Serve until a shutdown is requested. Return the exit code."""
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerConfig)
    settings = decode_settings(bytes(config.settings))
    configure_logging(settings)
    _raise_file_limit(config.worker)
    try:
        uvloop.run(_run(settings, config))
    except UnsupportedStore as error:
        log.critical("%s", error)
        return EXIT_CONFIG
    except StartupFailed:
        return 1
    return 0


def _raise_file_limit(worker: int) -> None:
    """Raise the soft limit of open files, which is usually 1,024. Every connection is an open file."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):  # macOS reports 'unlimited' but rejects it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    new_soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    log.info("Worker %d: limit of open files is %d", worker, new_soft)


async def _run(settings: Settings, config: WorkerConfig) -> None:
    shutdown_signal = ShutdownSignal()
    _listen_for_shutdown(shutdown_signal)
    store = await open_store(config.store_url, namespace=settings.namespace)
    try:
        await _serve(settings, store, socket.socket(fileno=config.listener_fd), shutdown_signal)
    finally:
        await store.close()


async def _serve(
    settings: Settings, store: Store, listener: socket.socket, shutdown_signal: ShutdownSignal
) -> None:
    container = build(settings, store)
    server = create_server(container.app, http=service_protocol_class(container))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    await wait_until_serving(server, serving)
    _tune_gc()
    print("ready", flush=True)  # noqa: T201  # the supervisor waits for this line
    shutting_down = asyncio.create_task(shut_down(server, container, shutdown_signal), name="shutdown")
    try:
        await serving
    finally:
        shutting_down.cancel()


def _tune_gc() -> None:
    """Exclude all current objects from garbage collection, and run it less often.

    The collector finds only reference cycles, which are rare here. Votes are freed by reference counts. With
    the default of 700 objects it would run several times per batch when a few hundred votes are in flight.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD_OBJECTS, 20, 20)


def _listen_for_shutdown(shutdown_signal: ShutdownSignal) -> None:
    """Request a shutdown on SIGTERM, on SIGINT, and when the supervisor closes standard input."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown_signal.request)
    loop.add_signal_handler(SHUTDOWN_ANNOUNCEMENT, shutdown_signal.announced.set)
    stdin = sys.stdin.fileno()

    def on_supervisor_exit() -> None:
        loop.remove_reader(stdin)
        log.warning("Supervisor exited; shutting down this worker")
        shutdown_signal.request()

    loop.add_reader(stdin, on_supervisor_exit)  # nothing follows the configuration, so readable means closed
