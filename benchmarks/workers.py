"""(f) Two workers compared with one: CPU time of a vote, and distribution of connections."""

from __future__ import annotations

import os
from typing import Final

from benchmarks.load import Readers
from benchmarks.processes import BenchmarkError
from benchmarks.run import Run
from benchmarks.service import Service, a_service, write_tokens
from benchmarks.store import a_store
from benchmarks.votes import Ours

PART: Final = "workers"
CPU: Final = "CPU a vote"
ONE, TWO = "one worker", "two workers"
SHARE: Final = "the smaller worker's share of connections"
PER_SECOND: Final = 20_000


def measure(run: Run) -> None:
    """Measure one and two workers in turn on the same core, to compare work and not capacity."""
    count = int(PER_SECOND * run.scale.load_s)
    tokens = write_tokens(run, count)
    for _ in run.rounds(PART):
        for name, workers in ((ONE, 1), (TWO, 2)):
            with a_store(run) as store, a_service(run, store, workers=workers) as service:
                ours = Ours(name, service, PER_SECOND)
                ours.vote(run, "warm", count // 4, tokens)
                cpu_s = service.process.cpu_s()
                answers = ours.vote(run, "measured", count, tokens)
                spent_s = service.process.cpu_s() - cpu_s
                run.record.add(PART, name, CPU, "us", spent_s / count * 1e6)
                run.record.add(PART, name, "votes a second", "/s", count / answers.seconds)
                if workers > 1:
                    run.record.add(PART, name, SHARE, "", _smaller_share(run, service))
    run.record.hold_ratio(PART, CPU, TWO, ONE, 1.15)
    run.record.hold_median(PART, TWO, SHARE, 0.4, "at least")


def _smaller_share(run: Run, service: Service) -> float:
    """Return the smaller share of new connections, counted by the open files of each worker."""
    service.add_poll("spread")
    before = _open_files(service)
    with Readers(service.port, run.scale.spread_over, "/v1/polls/spread/live"):
        accepted = [now - then for now, then in zip(_open_files(service), before, strict=True)]
    if sum(accepted) != run.scale.spread_over:
        raise BenchmarkError(f"The workers hold {accepted} of {run.scale.spread_over} connections.")
    return min(accepted) / sum(accepted)


def _open_files(service: Service) -> list[int]:
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in sorted(service.workers())]
