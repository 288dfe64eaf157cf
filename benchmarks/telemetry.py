"""Cost of metrics and logs for a vote, compared with the same service without them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.run import Run
from benchmarks.service import telemetry_service, write_tokens
from benchmarks.store import a_store
from benchmarks.votes import Ours

PART: Final = "telemetry"
CPU: Final = "CPU a vote"
EVERYTHING, NOTHING = "figures and log lines", "neither"
PER_SECOND: Final = 20_000


def measure(run: Run) -> None:
    """Measure two services on one store in alternating order, because the second one finds a warm store."""
    count = int(PER_SECOND * run.scale.load_s)
    tokens = write_tokens(run, count)
    with a_store(run) as store, ExitStack() as serving:
        subjects = []
        for name, mode in ((EVERYTHING, "everything"), (NOTHING, "nothing")):
            service = serving.enter_context(telemetry_service(run, store, mode))
            subjects.append(Ours(name, service, PER_SECOND))
            subjects[-1].vote(run, f"warm-{mode}", count // 4, tokens)
        for number in run.rounds(PART):
            for subject in subjects if number % 2 else reversed(subjects):
                cpu_s = subject.process.cpu_s()
                poll = f"round-{number}-{subjects.index(subject)}"
                answers = subject.vote(run, poll, count, tokens)
                spent_s = subject.process.cpu_s() - cpu_s
                run.record.add(PART, subject.name, CPU, "us", spent_s / count * 1e6)
                run.record.add(PART, subject.name, "votes a second", "/s", count / answers.seconds)
    run.record.hold_ratio(PART, CPU, EVERYTHING, NOTHING, 1.05)
