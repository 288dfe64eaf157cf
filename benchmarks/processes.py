"""Other processes: started on one core, waited for until they serve, charged what the kernel charges."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GLANCE_S: Final = 0.005
STOP_WITHIN_S: Final = 20.0

_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = _CORES[0]
LOAD_CORE: Final = _CORES[-1]
"""Of the load, the store and the benchmark itself; the server's own where there is one core only."""


class BenchmarkError(Exception):
    """A measurement that cannot be believed, or made; the message says why in a sentence."""


def take_the_load_core() -> None:
    """Move this process, and what it starts unpinned, out of the servers' way; let all open many files."""
    os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def until(condition: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Return once ``condition()`` holds; ``BenchmarkError`` (``what`` did not happen) after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what}: not within {within_s:.0f} s.")
        time.sleep(GLANCE_S)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Process:
    """One process on one core, with the children it has; its output goes to ``log``."""

    def __init__(
        self, argv: Sequence[str | Path], *, core: int, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self.name = log.stem
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, argv)],
                cwd=ROOT,
                env=os.environ | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        """Of the process itself: ``taskset`` becomes what it starts."""
        return self._process.pid

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once it serves, by ``condition()``; ``BenchmarkError`` with its last words where it ends."""

        def holds() -> bool:
            if self._process.poll() is not None:
                raise BenchmarkError(
                    f"{self.name} ended with {self._process.returncode}: {self.said()[-500:]}"
                )
            return condition()

        until(holds, f"{self.name} becomes ready")

    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text(errors="replace")

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, that it, its threads and its children have taken so far."""
        return sum(_cpu_s(pid) for pid in self.tree())

    def memory_bytes(self) -> int:
        """Proportional set size of it and its children: pages that are shared count once in all."""
        return sum(_pss_bytes(pid) for pid in self.tree())

    def tree(self) -> list[int]:
        """It and everything that descends from it."""
        parents = {
            int(entry): int(stat[1])
            for entry in os.listdir("/proc")
            if entry.isdigit() and (stat := _stat(int(entry)))
        }
        found = [self.pid]
        for pid in found:  # grows while it is walked: children of children follow
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def stop(self) -> None:
        """Told to end, told again to hurry, killed if need be."""
        for number, grace_s in (
            (signal.SIGTERM, 1.0),
            (signal.SIGTERM, STOP_WITHIN_S),
            (signal.SIGKILL, None),
        ):
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
                return


@contextmanager
def running(process: Process, is_ready: Callable[[], bool]) -> Iterator[Process]:
    """``process`` from when it serves until it has stopped."""
    try:
        process.until(is_ready)
        yield process
    finally:
        process.stop()


def _stat(pid: int) -> list[str]:
    """``/proc/PID/stat`` from its third field on (state, parent, ...); empty: it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _cpu_s(pid: int) -> float:
    """What ``/proc/PID/stat`` tells in ticks of 10 ms, in nanoseconds: the process's CPU clock.

    Its id is made as clock_getcpuclockid(3) makes it; 2 stands for all the time its threads, ended ones
    included, were on a CPU.
    """
    with suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0


def _pss_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
