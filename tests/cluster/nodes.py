"""Real Valkey servers that connect to each other by TCP, on ports chosen by the kernel."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from redis import Redis

from tests.valkey import NotStarted, Valkey, in_memory

HOST = "127.0.0.1"
_TRIES = 10
_TAKEN = "in use"
_AGREED_WITHIN_S = 20.0
_PAUSED_MS = 60_000

Kind = TypeVar("Kind", bound="Node")


class Node(Valkey):
    """Server with a TCP port and a Unix socket, and a client for its commands (``command``)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = 0
        self._client = Redis(unix_socket_path=self.socket_path, protocol=2)

    @property
    def url(self) -> str:
        """Return the server's URL."""
        return f"redis://{self.address}"

    @property
    def address(self) -> str:
        """Return the host and port."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start on a port that was just free. Try another one if it is taken meanwhile."""
        if self.port:
            super().start()
            return
        for _ in range(_TRIES):
            self._take_ports()
            try:
                super().start()
            except NotStarted as failure:
                self.kill()
                if _TAKEN not in str(failure):
                    raise
            else:
                return
        raise AssertionError("somebody takes every port")

    def kill(self) -> None:
        """Kill the server."""
        super().kill()
        self._client.close()

    def command(self, *words: object) -> Any:  # Any: whatever the command answers
        """Send a command and return its reply."""
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]

    def info(self, section: str) -> dict[str, Any]:  # Any: texts and numbers
        """Return a section of INFO."""
        info: dict[str, Any] = self._client.info(section)
        return info

    def _take_ports(self) -> None:
        (self.port,) = free_ports(1)

    def _options(self) -> dict[str, object]:
        return super()._options() | {"port": self.port, "bind": HOST, "repl-diskless-sync-delay": 0}


@contextmanager
def running(make: Callable[[Path], Kind]) -> Iterator[Kind]:
    """Run a node in a folder of its own while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="pw", dir=in_memory()))
    node = make(folder)
    try:
        node.start()
        yield node
    finally:
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def until_true(condition: Callable[[], bool]) -> None:
    """Wait until the servers meet the condition. For fixtures, which have no event loop."""
    deadline = time.monotonic() + _AGREED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "the servers do not agree"
        time.sleep(0.01)


def follows(replica: Node) -> bool:
    """Return True if the replica has its master's data and receives its changes."""
    return bool(replica.info("replication").get("master_link_status") == "up")


def die_when_followed(master: Node, replica: Node) -> None:
    """Reject writes on the master until the replica has all data, then kill the master."""
    master.command("CLIENT PAUSE", _PAUSED_MS, "WRITE")

    def has_all() -> bool:
        written, followed = master.info("replication"), replica.info("replication")
        return bool(written["master_repl_offset"] == followed["slave_repl_offset"])

    until_true(has_all)
    master.kill()


def free_ports(count: int) -> list[int]:
    """Return unused ports."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
