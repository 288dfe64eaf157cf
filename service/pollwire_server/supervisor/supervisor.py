"""Supervisor process: one run of the service, from opening the listeners to the exit of the last worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from typing import Any, Final

from pollwire_server.domain.errors import StoreUnavailable
from pollwire_server.server import listener_url
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.embedded.server import EmbeddedStore, find_server
from pollwire_server.supervisor.audit import record_start
from pollwire_server.supervisor.data_folder import CannotStart, DataFolder, RunningService, print_line
from pollwire_server.supervisor.demo import create_demo_polls
from pollwire_server.supervisor.metrics_listener import MetricsListener
from pollwire_server.supervisor.workers import Worker, open_listeners

log = logging.getLogger("pollwire.supervisor")

DRAIN_GRACE_S: Final = 15.0
"""A worker that has not shut down by then is killed. Its own hard stop comes earlier."""
FORCED_STOP_GRACE_S: Final = 2.0
"""The same after a second signal."""
STORE_RETRY_S: Final = 0.25
ORPHAN_GRACE_S: Final = 3.0
"""Workers of a killed supervisor shut down by themselves. The next start waits this long before it kills
them."""


class Supervisor:
    """One run of the service, from opening the listeners to the exit of the last worker."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._stop_requested = asyncio.Event()
        self._forced_stop_requested = asyncio.Event()
        self._listeners: list[socket.socket] = []
        self._store: EmbeddedStore | None = None
        self._workers: list[Worker] = []
        self._metrics = (
            None if settings.metrics is None else MetricsListener(settings.metrics, folder.path / "metrics")
        )
        self._url = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        """Start everything, wait, and stop in order. Return 0 after a requested stop."""
        self._listen_for_signals()
        await self._end_orphaned_workers()
        self._listeners = open_listeners(self._settings)
        self._url = listener_url(self._listeners[0])
        if self._metrics is not None:
            self._metrics.start()
        try:
            self._start_task(self._start(), "start")
            await self._wait_until_stopped()
        finally:
            await self._stop()
        return 0

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                loop.add_signal_handler(number, self._request_stop)

    def _request_stop(self) -> None:
        (self._forced_stop_requested if self._stop_requested.is_set() else self._stop_requested).set()

    async def _end_orphaned_workers(self) -> None:
        """End the workers of a killed supervisor. They hold the port until they have shut down."""
        last = self._folder.read_service_file()
        if last is not None:
            await asyncio.gather(*(worker.end(ORPHAN_GRACE_S) for worker in last.workers))

    async def _start(self) -> None:
        store_url = self._settings.redis_url or await self._start_store()
        store = await open_store(store_url, namespace=self._settings.namespace)
        try:
            if store.connection.is_up:  # fail before serving, if the store can be asked
                with contextlib.suppress(StoreUnavailable):
                    await self._require_api_key(store)
            self._start_workers(store_url)
            await self._prepare_store(store)
        finally:
            await store.close()
        await self._announce_when_ready()

    async def _start_store(self) -> str:
        self._store = EmbeddedStore(self._folder.path, find_server())
        await self._store.start()
        self._start_task(self._store.watch(), "store")
        return self._store.url

    def _start_workers(self, store_url: str) -> None:
        for number, listener in enumerate(self._listeners, start=1):
            worker = Worker(number, listener, self._settings, store_url, metrics=self._metrics)
            self._workers.append(worker)
            self._start_task(worker.run(self._write_service_file, self._has_served), f"worker {number}")

    def _has_served(self) -> bool:
        return any(worker.is_ready.is_set() for worker in self._workers)

    def _start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine in a task. If it fails, the service stops."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._record_failure)
        self._tasks.append(task)

    def _record_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    async def _announce_when_ready(self) -> None:
        """Print the greeting once every worker serves."""
        for worker in self._workers:
            await worker.is_ready.wait()
        self._write_service_file()
        if self._settings.log_format == "json":
            log.info("%s", ", ".join(line.strip() for line in self._greeting()))
        else:
            print_line("\n".join(self._greeting()))

    async def _prepare_store(self, store: Store) -> None:
        """Wait for the store, check the API keys and create the demo polls.

        A shared store may be unreachable for any time. Meanwhile the workers answer 503, which clients retry.
        """
        if not store.connection.is_up:
            log.warning("Store not reachable; waiting for it")
        while True:
            await store.connection.wait_up()
            try:
                await self._require_api_key(store)
                await record_start(store, self._settings)
                return await create_demo_polls(store) if self._settings.demo else None
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY_S)

    async def _require_api_key(self, store: Store) -> None:
        """Raise ``CannotStart`` if no API key exists, since no client could create a poll."""
        if self._settings.admin_key is None and not await store.api_keys.read_fresh(0):
            raise CannotStart(
                "With --redis, set POLLWIRE_ADMIN_KEY (or POLLWIRE_ADMIN_KEY_FILE): "
                "operators need an API key, and the store has none yet."
            )

    async def _wait_until_stopped(self) -> None:
        """Return when a stop is requested. Raises the exception of a failed task."""
        requested = asyncio.create_task(self._stop_requested.wait(), name="wait for stop")
        await asyncio.wait((requested, self._failed), return_when=asyncio.FIRST_COMPLETED)
        requested.cancel()
        if self._failed.done():
            self._failed.result()

    async def _stop(self) -> None:
        """Drain, stop the workers while the store still answers them, then stop the store."""
        log.info("Service stopping")
        self._tasks[0].cancel()  # the start, which may still be in progress
        await self._drain()
        for listener in self._listeners:
            listener.close()  # the workers' copies accept connections until the workers close them
        for worker in self._workers:
            worker.stop()
        forcing = asyncio.create_task(self._force_stop(), name="forced stop")
        await asyncio.gather(*(worker.wait_until_exited(DRAIN_GRACE_S) for worker in self._workers))
        for task in (forcing, *self._tasks):
            task.cancel()
        await asyncio.gather(forcing, *self._tasks, return_exceptions=True)
        if self._metrics is not None:
            self._metrics.stop()
        if self._store is not None:
            await self._store.stop()
        self._folder.write_service_file(None)

    async def _drain(self) -> None:
        """Answer ``/readyz`` with 503 for a while, so that load balancers stop sending requests."""
        drain_s = self._settings.drain_s
        if drain_s == 0 or self._failed.done() or not self._has_served():
            return
        log.info("Draining for %g s: /readyz answers 503, and all requests are served", drain_s)
        for worker in self._workers:
            worker.announce_stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._forced_stop_requested.wait()

    async def _force_stop(self) -> None:
        await self._forced_stop_requested.wait()
        for worker in self._workers:
            worker.stop()
        await asyncio.gather(*(worker.wait_until_exited(FORCED_STOP_GRACE_S) for worker in self._workers))

    def _write_service_file(self) -> None:
        if not self._stop_requested.is_set():
            processes = tuple(
                process for worker in self._workers if (process := worker.process_identity) is not None
            )
            self._folder.write_service_file(
                RunningService(url=self._url, supervisor=os.getpid(), workers=processes)
            )

    def _greeting(self) -> tuple[str, ...]:
        url = self._settings.public_url or self._url
        return (
            f"Pollwire is ready at {self._url}",
            f"  Demo article  {url}/demo",
            f"  Console  {url}/console",
            f"  API reference  {url}/docs",
            *(() if self._metrics is None else (f"  Metrics  {self._metrics.url}",)),
        )
