"""Child processes: identification, termination, restart policy, and termination with the parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

_POLL_INTERVAL_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that the kernel sends to a child when its parent ends."""


class ProcessIdentity(msgspec.Struct, frozen=True):
    """Identity of one process, distinct from other processes with the same id."""

    pid: int
    started: str
    """Start time in the format of the system. It is only compared, never parsed."""

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of a running process; None if there is none (a zombie does not run)."""
        started = _start_of(pid)
        return None if started is None else cls(pid, started)

    @property
    def runs(self) -> bool:
        """Return True if this process still runs."""
        return _start_of(self.pid) == self.started

    async def end(self, grace_s: float) -> None:
        """Terminate the process, kill it after ``grace_s``, and wait until it is gone."""
        deadline = time.monotonic() + grace_s
        number = signal.SIGTERM
        while self.runs:
            if time.monotonic() >= deadline:
                number = signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            await asyncio.sleep(_POLL_INTERVAL_S)


class FolderMark(msgspec.Struct, frozen=True):
    """Identity of a data folder, written into every file that names processes or addresses of its service.

    A copy of the folder also has the files, but not the same inode, so its marks are ignored. A moved folder
    keeps its inode, also under another path or mount. Inodes are unique within a device only.
    """

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, folder: Path) -> FolderMark:
        """Return the mark of an existing folder."""
        status = folder.stat()
        return cls(str(folder.resolve()), status.st_dev, status.st_ino)

    def names(self, folder: Path) -> bool:
        """Return True if this is the mark of the folder."""
        status = folder.stat()
        return (self.device, self.inode) == (status.st_dev, status.st_ino)


def _start_of(pid: int) -> str | None:
    if sys.platform != "linux":
        found = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, started = found.stdout.strip().partition(" ")
        return started.strip() if started and not state.startswith("Z") else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it can contain blanks
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"  # proc(5): field 22, counted after the name


class RestartPolicy:
    """Restart policy: the delay before each restart, and when to stop.

    A process that served before it died restarts at once, then with growing delays
    while it keeps dying. A process that never serves is abandoned after
    ``MAX_FAILURES`` starts in a row.
    """

    MAX_FAILURES: Final = 5
    FIRST_PAUSE_S: Final = 0.1
    MAX_PAUSE_S: Final = 0.8
    """Short, because votes get 503 during the delay."""
    STEADY_AFTER_S: Final = 5.0

    def __init__(self) -> None:
        self._failures = 0
        self._deaths = 0

    def pause_after(self, *, served: bool, lived_s: float) -> float | None:
        """Return the delay before the next start in seconds; None to stop."""
        self._failures = 0 if served else self._failures + 1
        if self._failures >= self.MAX_FAILURES:
            return None
        self._deaths = 0 if served and lived_s >= self.STEADY_AFTER_S else self._deaths + 1
        if self._deaths <= 1:
            return 0.0
        return float(min(self.MAX_PAUSE_S, self.FIRST_PAUSE_S * 2 ** min(self._deaths - 2, 8)))


def describe_exit(status: int) -> str:
    """Return the exit status as text: ``SIGKILL``, or ``exit code 3``."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def is_requested_exit(status: int) -> bool:
    """Return True if the process ended on request: after a graceful stop, or by SIGTERM or SIGINT."""
    return status in (0, -signal.SIGTERM, -signal.SIGINT)


def kill_with_parent() -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that makes the kernel kill the child when its parent ends (Linux only).

    The kernel uses the *thread* that forked, so that thread must live as long as the child. All names are
    resolved here, because the child may only make simple calls between fork and exec.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def request_kill() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended between the fork and the request
            os._exit(1)

    return request_kill
