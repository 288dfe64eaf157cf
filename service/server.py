"""uvicorn as this service runs it: one worker, from its listener to its drain.

``python -m service.server`` is a worker of ``pollwire up``. It is handed its
listening socket by inheritance and one JSON line on standard input, so no
secret is ever in an argument or in the environment. The pipe then stays open
as a lifeline: its end means that the supervisor is gone, and the worker
drains as if it had been told to. It says ``ready`` on standard output once it
serves, and logs to standard error.

uvicorn would handle signals itself, and badly for us: after a shutdown it
raises the signal again, so that the process ends by SIGTERM instead of with
0, and it closes sockets with 1012 before anybody could tell their readers
when to come back. So ``Server`` takes no signals, and ``drain`` says what
happens when.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import msgspec
import uvicorn
import uvloop

from service.app import Wiring, build
from service.protocol import Deadlines, LaneProtocol, Limits, SocketProtocol, protocol_with
from service.protocol.surplus import KEPT_BACK
from service.settings import Settings, decode_settings, encode_settings
from service.store import Store, open_store
from service.store.library import StoreUnfit
from service.telemetry import configure_logging

log = logging.getLogger("pollwire.server")

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]  # Any: each framework types its own scope and messages

BACKLOG: Final = 2048
"""Connections the kernel may hold until we accept them; a crowd joins within one round trip."""
MESSAGE_LIMIT_BYTES: Final = 16 * 1024
"""What a reader may send in one message on a socket; a longer one is closed with 1009."""
PING_S: Final = 20.0
"""Below the 30 s after which common proxies drop a silent connection; an unanswered ping ends the socket."""
UNSENT_BYTES: Final = 16 * 1024
"""What the kernel may hold for a reader beyond what is on its way. More would only be old totals: what waits
here instead is replaced by newer ones, and the newest goes out when there is room."""
RECONNECT_SPREAD_MS: Final = 3_000
"""Readers are told to come back within this time, each at its own moment: no stampede."""
REQUESTS_GRACE_S: Final = 3
"""Requests in flight at a stop get this long; votes are answered or refused within 1 s."""
GLANCE_S: Final = 0.02
LEAVE_S: Final = 1.0
"""Kept connections have this long for one more request, whose answer is the last; then idle ones are cut."""
COLLECT_EVERY_OBJECTS: Final = 20_000
"""More than the votes of a full batch keep alive at once."""
CUT_MS: Final = 100
"""In a hurry connections have this long to say why they close."""
TICKS_A_SECOND: Final = 10
"""uvicorn's, which counts on it: every tenth tick it renews the date that answers carry."""
HARD_STOP_S: Final = 12.0
"""A worker that hangs while it stops ends itself after this; it must not outlive its service."""
EXIT_UNFIT: Final = 78
"""EX_CONFIG of sysexits.h: to start again would change nothing, so the supervisor does not."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told on standard input, in one line of JSON."""

    settings: msgspec.Raw
    store_url: str
    listener_fd: int
    worker: int


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

    async def take_leave(self) -> None:
        """Accept nobody any more, and let every kept connection end with an answer; no request is cut.

        Who comes now waits in the listener's queue for the worker that follows.
        """
        for listener in self.servers:
            listener.close()
        staying = [kept for kept in self.server_state.connections if isinstance(kept, LaneProtocol)]
        for kept in staying:
            kept.take_leave()
        until = asyncio.get_running_loop().time() + LEAVE_S
        while asyncio.get_running_loop().time() < until:
            if not any(kept in self.server_state.connections for kept in staying):
                return
            await asyncio.sleep(GLANCE_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.force_exit:
            await self._cut(sockets or [])
        else:
            await super().shutdown(sockets)
        if self.force_exit:  # in a hurry uvicorn leaves this out, and tasks beside the requests would go on
            await self.lifespan.shutdown()

    async def _cut(self, sockets: list[socket.socket]) -> None:
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


def server_of(app: ASGIApp, *, http: str | type[asyncio.Protocol] = "httptools") -> Server:
    """A server of the application; ``http`` is the protocol class that reads requests.

    Named rather than left to ``auto``, which falls back to slower parsers in silence.
    """
    config = uvicorn.Config(
        app,
        http=http,
        ws=SocketProtocol,
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


def protocol_of(wiring: Wiring) -> type[LaneProtocol]:
    """What reads this service's requests: its lanes, and the ordinary way behind them."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    connections = 1_000_000 if files == resource.RLIM_INFINITY else max(files - KEPT_BACK, files // 2)
    deadlines = Deadlines(Limits(connections=connections))
    return protocol_with(wiring.lanes, wiring.socket_lane, deadlines, wiring.clients)


class Stop:
    """Whether this process was asked to stop: once means in order, again means at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.asked_again = asyncio.Event()

    def ask(self) -> None:
        """To be called on a signal, and when the supervisor is gone."""
        (self.asked_again if self.asked.is_set() else self.asked).set()


async def drain(server: Server, wiring: Wiring, stop: Stop) -> None:
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


async def _take_leave(server: Server, wiring: Wiring) -> None:
    try:
        await wiring.drain(RECONNECT_SPREAD_MS)
    except Exception:  # a drain that fails must still end in a stop
        log.exception("Not every reader could be told to come back.")
    await server.take_leave()


def _end_by_deadline() -> None:
    """A thread of its own: an event loop that hangs runs no timer."""
    timer = threading.Timer(HARD_STOP_S, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


@contextlib.asynccontextmanager
async def running(settings: Settings, store_url: str) -> AsyncIterator[str]:
    """The whole service on this event loop, on a port of its own unless one is set; yields its address."""
    listener = listening(settings.host, settings.port)
    store = await open_store(store_url, namespace=settings.namespace)
    wiring = build(settings, store)
    server = server_of(wiring.app, http=protocol_of(wiring))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        await _first_of(serving, server.is_serving)
        yield address_of(listener)
    finally:
        server.should_exit = True
        server.force_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await server.lifespan.shutdown()  # which a forced exit leaves out
        listener.close()
        await store.close()


async def _first_of(serving: asyncio.Task[None], is_serving: asyncio.Event) -> None:
    """Until the server serves; raises what ended it before."""
    waiting = asyncio.create_task(is_serving.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if serving.done():
        serving.result()


def listening(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; ``shared`` (SO_REUSEPORT) lets others listen beside it. Raises ``OSError``."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux hands it on to accepted sockets
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """``http://host:port`` under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def handover(settings: Settings, store_url: str, listener: socket.socket, worker: int) -> bytes:
    """The line that ``main`` reads."""
    told = Handover(
        settings=msgspec.Raw(encode_settings(settings)),
        store_url=store_url,
        listener_fd=listener.fileno(),
        worker=worker,
    )
    return msgspec.json.encode(told) + b"\n"


def main() -> int:
    """Serve until told to stop; the exit code."""
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Handover)
    settings = decode_settings(bytes(told.settings))
    configure_logging(settings)
    _raise_file_limit(told.worker)
    try:
        uvloop.run(_work(settings, told))
    except StoreUnfit as error:
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


async def _work(settings: Settings, told: Handover) -> None:
    stop = Stop()
    _listen_for_stops(stop)
    store = await open_store(told.store_url, namespace=settings.namespace)
    try:
        await _serve(settings, store, socket.socket(fileno=told.listener_fd), stop)
    finally:
        await store.close()


async def _serve(settings: Settings, store: Store, listener: socket.socket, stop: Stop) -> None:
    wiring = build(settings, store)
    server = server_of(wiring.app, http=protocol_of(wiring))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    await _first_of(serving, server.is_serving)
    _spare_the_collector()
    print("ready", flush=True)  # noqa: T201  # the supervisor waits for this word
    draining = asyncio.create_task(drain(server, wiring, stop), name="drain")
    try:
        await serving
    finally:
        draining.cancel()


def _spare_the_collector() -> None:
    """What stands by now stands for good, and is looked through no more; votes are freed by counts.

    The collector only finds cycles, which are rare here, and by default it would look for some
    every 700 objects: with a few hundred votes in flight that is several times a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_OBJECTS, 20, 20)


def _listen_for_stops(stop: Stop) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
