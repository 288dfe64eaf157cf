"""Polling clients: ``GET .../results``, compared with hello world on the same server and headers."""

from __future__ import annotations

from typing import Final

from benchmarks import browser, crowd
from benchmarks.load import Load
from benchmarks.peers import starting
from benchmarks.processes import BenchmarkError, Process
from benchmarks.run import Run
from benchmarks.service import a_service
from benchmarks.store import a_store

PART: Final = "polling readers"
CPU: Final = "CPU an answer"
OURS, HELLO = "GET .../results", "hello world, raw ASGI on uvicorn"
PER_SECOND: Final = 20_000
VOTES_PER_SECOND: Final = 20


def measure(run: Run) -> None:
    """Measure both in turn, with incoming votes during the reads of results."""
    with (
        a_store(run) as store,
        a_service(run, store) as service,
        starting.python_peer(run, "hello") as hello,
    ):
        for round_ in run.rounds(PART):
            poll = service.add_poll(f"polled-{round_}")
            path = f"/v1/polls/{poll}/results"
            with crowd.voting(run, service, poll, rate=VOTES_PER_SECOND, seconds=run.scale.load_s):
                _measure_one(run, OURS, service.process, service.port, path)
            _check_last(run, service.port, path, service.results(poll)["seq"])
            _measure_one(run, HELLO, hello.process, hello.port, path)
    run.record.hold_ratio(PART, CPU, OURS, HELLO, 0.8)


def _measure_one(run: Run, name: str, process: Process, port: int, path: str) -> None:
    count = int(PER_SECOND * run.scale.load_s)
    load = Load(run, port, [browser.read_results(port, path)])
    cpu_s = process.cpu_s()
    answers = load.send(count)
    run.record.add(PART, name, CPU, "us", (process.cpu_s() - cpu_s) / count * 1e6)
    run.record.add(PART, name, "answers a second", "/s", count / answers.seconds)
    run.record.add(PART, name, "latency p99", "ms", answers.p99_ms)


def _check_last(run: Run, port: int, path: str, seq: int) -> None:
    """Check that concurrent reads all get the newest totals. Raises ``BenchmarkError``."""
    log = run.path("looks")
    Load(run, port, [browser.read_results(port, path)]).send(1_000, log=log)
    seen = {int(line.split()[1]) for line in log.read_text().splitlines()}
    if seen != {seq}:
        raise BenchmarkError(f"Readers got {seen}, but the poll is at seq {seq}.")
