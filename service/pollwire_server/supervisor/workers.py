"""Worker slots: each keeps its listener open and restarts the process that serves on it."""

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
from typing import Final

from pollwire_server.server import EXIT_CONFIG, SHUTDOWN_ANNOUNCEMENT, encode_worker_config, open_listener
from pollwire_server.settings import PREFIX, Settings
from pollwire_server.store.embedded.child_process import (
    ProcessIdentity,
    RestartPolicy,
    describe_exit,
    is_requested_exit,
)
from pollwire_server.supervisor.data_folder import CannotStart
from pollwire_server.supervisor.metrics_listener import MetricsListener
from pollwire_server.telemetry.metrics import MULTIPROCESS_FOLDER

log = logging.getLogger("pollwire.supervisor")

MAX_RETRY_DELAY_S: Final = 30.0
"""Longest delay between two starts of a worker that cannot start while others serve."""


class Worker:
    """One worker slot: a listener, and the process that serves on it. The listener outlives the process."""

    def __init__(
        self,
        number: int,
        listener: socket.socket,
        settings: Settings,
        store_url: str,
        *,
        metrics: MetricsListener | None = None,
    ) -> None:
        self.number = number
        self._metrics = metrics
        self._subject = {"subject": number}
        self.is_ready = asyncio.Event()
        self._listener = listener
        self._config_line = encode_worker_config(settings, store_url, listener, number)
        self._process: asyncio.subprocess.Process | None = None
        self._stop_event = asyncio.Event()
        self._is_stop_announced = False
        self._serves = False
        self._is_finished = asyncio.Event()

    @property
    def _stopping(self) -> bool:
        return self._stop_event.is_set()

    @property
    def process_identity(self) -> ProcessIdentity | None:
        """The process that serves here at the moment."""
        return None if self._process is None else ProcessIdentity.of(self._process.pid)

    async def run(
        self, on_change: Callable[[], None], has_served: Callable[[], bool] = lambda: False
    ) -> None:
        """Run and restart the process until ``stop``.

        Raises ``CannotStart`` if it keeps failing and ``has_served`` returns False. Once any worker has
        served, the service keeps running and this slot keeps trying.
        """
        restarts, retry_delay_s = RestartPolicy(), 1.0
        try:
            while not self._stopping:
                started_at = time.monotonic()
                status, served = await self._run_once(on_change)
                if self._stopping:
                    self._check_requested_exit(status)
                    break
                if served:
                    retry_delay_s = 1.0
                try:
                    delay_s = self._restart_delay(
                        restarts, status, served=served, lived_s=time.monotonic() - started_at
                    )
                except CannotStart as error:
                    if not (self.is_ready.is_set() or has_served()):
                        raise
                    delay_s, retry_delay_s = retry_delay_s, min(2 * retry_delay_s, MAX_RETRY_DELAY_S)
                    log.error(
                        "%s Trying again in %.0f s; the other workers serve",
                        error,
                        delay_s,
                        extra=self._subject,
                    )
                await self._wait_unless_stopped(delay_s)
        finally:
            self._is_finished.set()

    @property
    def _process_subject(self) -> dict[str, object]:
        """Return a log subject for this process, so that the throttle delays no line of a rolling restart."""
        return {"subject": (self.number, self._process and self._process.pid)}

    def _check_requested_exit(self, status: int) -> None:
        if not is_requested_exit(status):
            text = "Worker %d did not stop gracefully (%s)"
            log.warning(text, self.number, describe_exit(status), extra=self._subject)

    async def _wait_unless_stopped(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stop_event.wait()

    def _restart_delay(self, restarts: RestartPolicy, status: int, *, served: bool, lived_s: float) -> float:
        if is_requested_exit(status):
            log.info(
                "Worker %d stopped on request; starting its replacement",
                self.number,
                extra=self._process_subject,
            )
            return 0.0 if served else RestartPolicy.FIRST_PAUSE_S
        if status == EXIT_CONFIG:
            raise CannotStart("The store cannot be used. See the log above for the cause.")
        pause_s = restarts.pause_after(served=served, lived_s=lived_s)
        if pause_s is None:
            raise CannotStart(
                f"Worker {self.number} keeps crashing before it serves. See the log above for the cause."
            )
        log.error(
            "Worker %d exited unexpectedly (%s); restarting",
            self.number,
            describe_exit(status),
            extra=self._subject,
        )
        return pause_s

    def announce_stop(self) -> None:
        """Make ``/readyz`` answer 503 in the process that serves, and in any replacement."""
        self._is_stop_announced = True
        if self._serves:
            self._send(SHUTDOWN_ANNOUNCEMENT)

    def stop(self) -> None:
        """Request a graceful shutdown. A second call forces it."""
        self._stop_event.set()
        self._send(signal.SIGTERM)

    async def wait_until_exited(self, within_s: float) -> None:
        """Wait for the last process to exit, and kill it after ``within_s`` seconds."""
        try:
            await asyncio.wait_for(self._is_finished.wait(), within_s)
        except TimeoutError:
            log.warning("Worker %d did not stop in time; killing it", self.number, extra=self._subject)
            self._send(signal.SIGKILL)
            await self._is_finished.wait()

    async def _run_once(self, on_change: Callable[[], None]) -> tuple[int, bool]:
        """Start a process and wait for its exit. Return its exit status, and True if it ever served."""
        process = self._process = await self._spawn()
        if self._stopping:  # stopped while the process started
            self._send(signal.SIGTERM)
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it exited at once; its status is reported below
            process.stdin.write(self._config_line)
            await process.stdin.drain()
        on_change()
        served = (await process.stdout.readline()).strip() == b"ready"
        if served:
            self.is_ready.set()
            self._serves = True
            if self._is_stop_announced:
                self._send(SHUTDOWN_ANNOUNCEMENT)
            log.info("Worker %d ready (process %d)", self.number, process.pid, extra=self._process_subject)
        status = await process.wait()
        self._serves = False
        if self._metrics is not None:
            self._metrics.remove_worker(process.pid)
        process.stdin.close()
        return status, served

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working directory must not be searched for modules
            "-m",
            "pollwire_server.server",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment()
            | ({} if self._metrics is None else {MULTIPROCESS_FOLDER: str(self._metrics.folder)}),
            pass_fds=(self._listener.fileno(),),
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops the workers
        )

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def open_listeners(settings: Settings) -> list[socket.socket]:
    """Open one listener per worker, all on one port. Raises ``CannotStart``.

    With a shared port (SO_REUSEPORT), another service of the same user could receive half of the connections
    unnoticed. So the port is first bound exclusively, which fails if any process listens on it.
    """
    host, port = settings.host, settings.port
    try:
        if port:
            open_listener(host, port).close()
        first = open_listener(host, port, shared=True)
        port = first.getsockname()[1]
        if sys.platform != "linux":  # only Linux distributes connections over the listeners of a port
            return [first, *(first.dup() for _ in range(settings.workers - 1))]
        return [first, *(open_listener(host, port, shared=True) for _ in range(settings.workers - 1))]
    except OSError as error:
        reason = "the port is already in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {reason}. Choose another address with --host and --port."
        ) from None


def _environment() -> dict[str, str]:
    """Return the environment without the settings, which arrive by the pipe, and with this package's path."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    root = str(Path(__file__).parents[2])
    return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, (root, inherited.get("PYTHONPATH"))))}
