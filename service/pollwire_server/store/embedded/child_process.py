"""Processes that we start: told apart, ended, started again, and not left behind."""

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

_GLANCE_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that the kernel sends to a child when its parent ends."""


class ProcessIdentity(msgspec.Struct, frozen=True):
    """One process, told from every other that had or will have its id."""

    pid: int
    started: str
    """When it started, as the system tells it; compared, never read."""

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The mark of a running process; None where there is none (a zombie does not run)."""
        started = _start_of(pid)
        return None if started is None else cls(pid, started)

    @property
    def runs(self) -> bool:
        """Whether this very process still does."""
        return _start_of(self.pid) == self.started

    async def end(self, grace_s: float) -> None:
        """Ask it to stop, and kill it after ``grace_s``; returns once it is gone."""
        deadline = time.monotonic() + grace_s
        number = signal.SIGTERM
        while self.runs:
            if time.monotonic() >= deadline:
                number = signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            await asyncio.sleep(_GLANCE_S)


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
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything, blanks included
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"  # proc(5): field 22, counted after the name


class RestartPolicy:
    """How long to wait before a process is started again, and when to stop trying.

    One that served before it died is started again at once, and with growing
    pauses while it keeps dying; one that never gets to serve is given up
    after ``MOST_FAILURES`` attempts in a row, for no attempt changes anything.
    """

    MOST_FAILURES: Final = 5
    FIRST_PAUSE_S: Final = 0.1
    LONGEST_PAUSE_S: Final = 0.8
    """Short: a vote in that time is refused with 503, and readers wait."""
    STEADY_AFTER_S: Final = 5.0

    def __init__(self) -> None:
        self._failures = 0
        self._deaths = 0

    def pause_after(self, *, served: bool, lived_s: float) -> float | None:
        """Seconds to wait before the next start; None: give up."""
        self._failures = 0 if served else self._failures + 1
        if self._failures >= self.MOST_FAILURES:
            return None
        self._deaths = 0 if served and lived_s >= self.STEADY_AFTER_S else self._deaths + 1
        if self._deaths <= 1:
            return 0.0
        return float(min(self.LONGEST_PAUSE_S, self.FIRST_PAUSE_S * 2 ** min(self._deaths - 2, 8)))


def describe_exit(status: int) -> str:
    """How a process ended, in words: ``SIGKILL``, or ``exit code 3``."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def kill_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes the server: ask to be killed when its parent ends (Linux only).

    The kernel ties this to the parent's *thread* that forked, so that thread
    must live as long as the child should. All is looked up here: between fork and exec the child only calls.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended between the fork and the request
            os._exit(1)

    return ask
