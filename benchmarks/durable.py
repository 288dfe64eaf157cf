"""Cost of durability: fsync before every reply, compared with a store without an append-only file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.run import Run
from benchmarks.service import a_service, write_tokens
from benchmarks.store import a_store
from benchmarks.votes import Ours

PART: Final = "durability"
CPU: Final = "CPU a vote"
ALWAYS, NONE = "append-only, fsync always", "no append-only file"
PER_SECOND: Final = 20_000


def measure(run: Run) -> None:
    """Measure two stores, each with its own service, in turn."""
    count = int(PER_SECOND * run.scale.load_s)
    tokens = write_tokens(run, count)
    with ExitStack() as serving:
        subjects = []
        for name, durable in ((ALWAYS, True), (NONE, False)):
            store = serving.enter_context(a_store(run, durable=durable))
            service = serving.enter_context(a_service(run, store))
            subjects.append((Ours(name, service, PER_SECOND), store))
            subjects[-1][0].vote(run, "warm", count // 4, tokens)
        for number in run.rounds(PART):
            for subject, store in subjects:
                cpu_s, store_s = subject.process.cpu_s(), store.process.cpu_s()
                answers = subject.vote(run, f"round-{number}", count, tokens)
                spent_s, stored_s = subject.process.cpu_s() - cpu_s, store.process.cpu_s() - store_s
                run.record.add(PART, subject.name, CPU, "us", spent_s / count * 1e6)
                run.record.add(PART, subject.name, "CPU of the store a vote", "us", stored_s / count * 1e6)
                run.record.add(PART, subject.name, "votes a second", "/s", count / answers.seconds)
    run.record.hold_ratio(PART, CPU, ALWAYS, NONE, 1.1)
