"""The workers: one place each, whose listener outlives every process that serves on it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pollwire_server.server import EXIT_UNFIT, handover, listening
from pollwire_server.settings import PREFIX, Settings
from pollwire_server.store.embedded.child_process import ProcessIdentity, RestartPolicy, describe_exit
from pollwire_server.supervisor.data_folder import CannotStart
from pollwire_server.supervisor.metrics_listener import Metrics
from pollwire_server.telemetry.metrics import MULTIPROCESS_FOLDER

log = logging.getLogger("pollwire.supervisor")


class Worker:
    """One place for a worker process: its listener, which outlives every process that serves on it."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        settings: Settings,
        store_url: str,
        *,
        metrics: Metrics | None = None,
    ) -> None:
        self.number = number
        self._metrics = metrics
        self.is_ready = asyncio.Event()
        self._listener = listener
        self._told = handover(settings, store_url, listener, number)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._is_over = asyncio.Event()

    @property
    def mark(self) -> ProcessIdentity | None:
        """Who serves here just now."""
        return None if self._process is None else ProcessIdentity.of(self._process.pid)

    async def run(self, on_change: Callable[[], None]) -> None:
        """Have a process serve here until ``stop``; ``CannotStart`` once that is hopeless."""
        restarts = RestartPolicy()
        try:
            while not self._stopping:
                started_at = time.monotonic()
                status, served = await self._one_life(on_change)
                if not self._stopping:
                    lived_s = time.monotonic() - started_at
                    await asyncio.sleep(self._pause(restarts, status, served=served, lived_s=lived_s))
        finally:
            self._is_over.set()

    def _pause(self, restarts: RestartPolicy, status: int, *, served: bool, lived_s: float) -> float:
        if status == EXIT_UNFIT:
            raise CannotStart("The store cannot be used; the log above says why.")
        pause_s = restarts.pause_after(served=served, lived_s=lived_s)
        if pause_s is None:
            raise CannotStart(
                f"Worker {self.number} ends again and again before it serves; the log says why."
            )
        log.error("Worker %d ended unexpectedly (%s) and is replaced.", self.number, describe_exit(status))
        return pause_s

    def stop(self) -> None:
        """Ask it to drain; asked again, to hurry."""
        self._stopping = True
        self._send(signal.SIGTERM)

    async def gone(self, within_s: float) -> None:
        """Until its last process has ended, by itself or else by force."""
        try:
            await asyncio.wait_for(self._is_over.wait(), within_s)
        except TimeoutError:
            log.warning("Worker %d did not stop in time and is killed.", self.number)
            self._send(signal.SIGKILL)
            await self._is_over.wait()

    async def _one_life(self, on_change: Callable[[], None]) -> tuple[int, bool]:
        """Start a process and wait for its end: its exit status, and whether it ever served."""
        process = self._process = await self._spawn()
        if self._stopping:  # asked while it came to life
            self._send(signal.SIGTERM)
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it died at once; its status says so
            process.stdin.write(self._told)
            await process.stdin.drain()
        on_change()
        served = (await process.stdout.readline()).strip() == b"ready"
        if served:
            self.is_ready.set()
            log.info("Worker %d serves (process %d).", self.number, process.pid)
        status = await process.wait()
        if self._metrics is not None:
            self._metrics.forget(process.pid)
        process.stdin.close()
        return status, served

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a folder named `service` where the command is run must not be taken for ours
            "-m",
            "pollwire_server.server",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment()
            | ({} if self._metrics is None else {MULTIPROCESS_FOLDER: str(self._metrics.folder)}),
            pass_fds=(self._listener.fileno(),),
            start_new_session=True,  # a terminal's Ctrl-C comes to us alone; we drain the workers
        )

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def open_listeners(settings: Settings) -> list[socket.socket]:
    """One listener per worker, all on one port. Raises ``CannotStart``.

    To share a port (SO_REUSEPORT) also means that another service of the same user could take half of our
    connections unnoticed. So the port is first taken alone, which fails where anybody listens.
    """
    host, port = settings.host, settings.port
    try:
        if port:
            listening(host, port).close()
        first = listening(host, port, shared=True)
        port = first.getsockname()[1]
        if sys.platform != "linux":  # only Linux spreads connections over those who share a port
            return [first, *(first.dup() for _ in range(settings.workers - 1))]
        return [first, *(listening(host, port, shared=True) for _ in range(settings.workers - 1))]
    except OSError as error:
        reason = "something else listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {reason}; choose with --host and --port."
        ) from None


def _environment() -> dict[str, str]:
    """Ours, less what the worker is told by its pipe, plus where this very package lies."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    root = str(Path(__file__).parents[2])
    return ours | {"PYTHONPATH": os.pathsep.join(filter(None, (root, ours.get("PYTHONPATH"))))}
