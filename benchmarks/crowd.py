"""A watched poll with incoming votes, shared by the fan-out, latency and growth parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import browser
from benchmarks.load import Load, LoadResult, Readers
from benchmarks.processes import BenchmarkError, Process
from benchmarks.run import Run
from benchmarks.service import OPTIONS, Service, write_tokens

SETTLE_S = 1.0
"""Wait between the last handshake and the first measurement, until the work of joining is done."""


@contextmanager
def voting(
    run: Run, service: Service, poll: str, *, rate: float, seconds: float, log: Path | None = None
) -> Iterator[list[LoadResult]]:
    """Send votes of different voters, ``rate`` a second for ``seconds``, while the caller measures."""
    requests = [browser.vote(service.port, poll, choice) for choice in OPTIONS]
    count = max(1, int(rate * seconds))
    load = Load(run, service.port, requests, tokens=write_tokens(run, count), connections=32)
    with load.sending(count, rate=rate, log=log) as answers:
        yield answers
    service.check_votes(poll, count)


def deliveries(process: Process, readers: Readers, seconds: float) -> tuple[int, float]:
    """Return the frames received in ``seconds`` and the CPU time of the server (seconds)."""
    before, cpu_s = readers.stats(), process.cpu_s()
    time.sleep(seconds)
    after, spent_s = readers.stats(), process.cpu_s() - cpu_s
    if after.frames == before.frames:
        raise BenchmarkError("Nothing was delivered.")
    return after.frames - before.frames, spent_s


def check_truth(service: Service, poll: str, readers: Readers) -> None:
    """Check that every reader ends with the current totals. Raises ``BenchmarkError``."""
    results = service.results(poll)
    readers.check_end(results["epoch"], results["seq"])
