"""Child processes pinned to a core, with a readiness check and the CPU time and memory that the kernel
reports."""

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
"""Core of the load, the store and the benchmark; the same as the server's on a machine with one core."""


class BenchmarkError(Exception):
    """A measurement failed or is not valid. The message gives the reason."""


def pin_to_load_core() -> None:
    """Pin this process and its unpinned children to the load core, and raise the limit of open files."""
    os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def until(condition: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait until ``condition()`` is true.

    Raises ``BenchmarkError`` with ``what`` after ``within_s`` seconds.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what}: not within {within_s:.0f} s.")
        time.sleep(GLANCE_S)


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Return True if the port accepts connections."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Process:
    """One process and its children, pinned to one core. Its output goes to ``log``."""

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
        """Process id of the program: ``taskset`` replaces itself by it."""
        return self._process.pid

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition()`` is true.

        Raises ``BenchmarkError`` with the last output if the process ends.
        """

        def holds() -> bool:
            if self._process.poll() is not None:
                raise BenchmarkError(
                    f"{self.name} ended with {self._process.returncode}: {self.output()[-500:]}"
                )
            return condition()

        until(holds, f"{self.name} becomes ready")

    def output(self) -> str:
        """Return the output so far."""
        return self.log.read_text(errors="replace")

    def cpu_s(self) -> float:
        """Return the CPU time (user and system, seconds) of the process, its threads and its children."""
        return sum(_cpu_s(pid) for pid in self.tree())

    def memory_bytes(self) -> int:
        """Return the proportional set size with children: shared pages count once."""
        return sum(_pss_bytes(pid) for pid in self.tree())

    def tree(self) -> list[int]:
        """Return the ids of the process and all its descendants."""
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
        """Stop the process: SIGTERM, a second SIGTERM after one second, then SIGKILL."""
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
    """Wait until the process is ready, and stop it at the end of the block."""
    try:
        process.until(is_ready)
        yield process
    finally:
        process.stop()


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from its third field on (state, parent, ...); empty if the
    process has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _cpu_s(pid: int) -> float:
    """Return the CPU time from the process's CPU clock, which is finer than the 10 ms ticks of ``/proc``.

    The clock id has the format of clock_getcpuclockid(3). The constant 2 selects the time of all threads,
    including ended ones.
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
