"""One run of the service, from its listeners to its last worker's end."""

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
from pollwire_server.server import address_of
from pollwire_server.settings import Settings
from pollwire_server.store import Store, open_store
from pollwire_server.store.embedded.server import EmbeddedStore, find_server
from pollwire_server.supervisor.data_folder import CannotStart, DataFolder, Running, say
from pollwire_server.supervisor.demo import make_demo_polls
from pollwire_server.supervisor.metrics_listener import Metrics
from pollwire_server.supervisor.workers import Worker, open_listeners

log = logging.getLogger("pollwire.supervisor")

DRAIN_GRACE_S: Final = 15.0
"""A worker that has not drained by then is killed; its own deadline is shorter."""
HURRY_GRACE_S: Final = 2.0
"""What a second signal leaves them."""
STORE_RETRY_S: Final = 0.25
ORPHAN_GRACE_S: Final = 3.0
"""Workers of a killed supervisor drain by themselves; the next start waits so long for them."""


class Supervisor:
    """One run of the service, from its listeners to its last worker's end."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._stop_asked = asyncio.Event()
        self._hurry_asked = asyncio.Event()
        self._listeners: list[socket.socket] = []
        self._store: EmbeddedStore | None = None
        self._workers: list[Worker] = []
        self._metrics = (
            None if settings.metrics is None else Metrics(settings.metrics, folder.path / "metrics")
        )
        self._url = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        """Start, watch, and stop in order; 0 where it was told to stop."""
        self._listen_for_signals()
        await self._end_leftovers()
        self._listeners = open_listeners(self._settings)
        self._url = address_of(self._listeners[0])
        if self._metrics is not None:
            self._metrics.start()
        try:
            self._watch(self._start(), "start")
            await self._until_stopped()
        finally:
            await self._stop()
        return 0

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants its hang-ups ignored
                loop.add_signal_handler(number, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        (self._hurry_asked if self._stop_asked.is_set() else self._stop_asked).set()

    async def _end_leftovers(self) -> None:
        """Workers of a run whose supervisor was killed: they drain, and hold the port until then."""
        last = self._folder.last_run()
        if last is not None:
            await asyncio.gather(*(worker.end(ORPHAN_GRACE_S) for worker in last.workers))

    async def _start(self) -> None:
        store_url = self._settings.redis_url or await self._start_store()
        store = await open_store(store_url, namespace=self._settings.namespace)
        try:
            if store.connection.is_up:  # known before anything serves, where it can be
                with contextlib.suppress(StoreUnavailable):
                    await self._require_a_key(store)
            self._start_workers(store_url)
            await self._prepare(store)
        finally:
            await store.close()
        await self._become_ready()

    async def _start_store(self) -> str:
        self._store = EmbeddedStore(self._folder.path, find_server())
        await self._store.start()
        self._watch(self._store.watch(), "store")
        return self._store.url

    def _start_workers(self, store_url: str) -> None:
        for number, listener in enumerate(self._listeners, start=1):
            worker = Worker(number, listener, self._settings, store_url, metrics=self._metrics)
            self._workers.append(worker)
            self._watch(worker.run(self._remember), f"worker {number}")

    def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do it beside everything else; where it fails, the service ends."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_failure)
        self._tasks.append(task)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    async def _become_ready(self) -> None:
        """Say so once every worker serves."""
        for worker in self._workers:
            await worker.is_ready.wait()
        self._remember()
        say(self._greeting())

    async def _prepare(self, store: Store) -> None:
        """However long a shared store is away: meanwhile the workers answer 503, which may be retried."""
        if not store.connection.is_up:
            log.warning("The store does not answer yet; the service waits for it.")
        while True:
            await store.connection.wait_up()
            try:
                await self._require_a_key(store)
                return await make_demo_polls(store) if self._settings.demo else None
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY_S)

    async def _require_a_key(self, store: Store) -> None:
        """``CannotStart`` where nobody could run a poll."""
        if self._settings.admin_key is None and not await store.api_keys.fresh(0):
            raise CannotStart(
                "With --redis, set POLLWIRE_ADMIN_KEY (or POLLWIRE_ADMIN_KEY_FILE): operators need a key, "
                "and the store has none yet."
            )

    async def _until_stopped(self) -> None:
        """Returns when told to stop; raises what makes going on impossible."""
        asked = asyncio.create_task(self._stop_asked.wait(), name="asked to stop")
        await asyncio.wait((asked, self._failed), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if self._failed.done():
            self._failed.result()

    async def _stop(self) -> None:
        """Workers first, while the store still answers them; then the store."""
        log.info("The service stops.")
        self._tasks[0].cancel()  # the start, where it still goes on: nothing new begins from here on
        for listener in self._listeners:
            listener.close()  # the workers' own copies take connections until they have drained
        for worker in self._workers:
            worker.stop()
        hurrying = asyncio.create_task(self._force_stop(), name="hurry")
        await asyncio.gather(*(worker.gone(DRAIN_GRACE_S) for worker in self._workers))
        for task in (hurrying, *self._tasks):
            task.cancel()
        await asyncio.gather(hurrying, *self._tasks, return_exceptions=True)
        if self._metrics is not None:
            self._metrics.stop()
        if self._store is not None:
            await self._store.stop()
        self._folder.remember(None)

    async def _force_stop(self) -> None:
        await self._hurry_asked.wait()
        for worker in self._workers:
            worker.stop()
        await asyncio.gather(*(worker.gone(HURRY_GRACE_S) for worker in self._workers))

    def _remember(self) -> None:
        if not self._stop_asked.is_set():
            marks = tuple(mark for worker in self._workers if (mark := worker.mark) is not None)
            self._folder.remember(Running(url=self._url, supervisor=os.getpid(), workers=marks))

    def _greeting(self) -> str:
        url = self._settings.public_url or self._url
        lines = (
            f"Pollwire is ready at {self._url}",
            f"  an article with a poll  {url}/demo",
            f"  the operators' console  {url}/console",
            f"  the API  {url}/docs",
            *(() if self._metrics is None else (f"  figures for Prometheus  {self._metrics.url}",)),
        )
        return "\n".join(lines)
