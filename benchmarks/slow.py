"""(e) Slow clients: a tenth of the subscribers never read. Measures delays of the others, and memory.

The poll has fifty options, so that its frames fill the kernel's buffers of the slow clients long before the
service disconnects them (after 15 s).
"""

from __future__ import annotations

from typing import Final

from benchmarks import latency
from benchmarks.run import Run
from benchmarks.service import OPTIONS, a_service
from benchmarks.store import a_store

PART: Final = "slow readers"
ALL_READ: Final = "all read"
SOME_DO_NOT: Final = "a tenth never reads, the others"
MEMORY: Final = "memory a reader that never reads"
CHOICES: Final = (*OPTIONS, *(f"party-{number:02}" for number in range(len(OPTIONS), 50)))


def measure(run: Run) -> None:
    """Measure with and without slow readers, in turn."""
    scale = run.scale
    mute = scale.watchers // 10
    all_read = latency.Watched("all-read", scale.watchers, scale.vote_rate, scale.slow_s, options=CHOICES)
    some_do_not = all_read._replace(poll="some-do-not", mute=mute)
    for _ in run.rounds(PART):
        with a_store(run) as store, a_service(run, store) as service:
            before, grown_before = latency.timed(run, service, all_read)
            after, grown_after = latency.timed(run, service, some_do_not)
        latency.record_delays(run, PART, ALL_READ, before)
        latency.record_delays(run, PART, SOME_DO_NOT, after)
        run.record.add(PART, ALL_READ, "the server's memory grew by", "MB", grown_before / 2**20)
        run.record.add(PART, SOME_DO_NOT, "the server's memory grew by", "MB", grown_after / 2**20)
        run.record.add(PART, SOME_DO_NOT, MEMORY, "KB", max(0, grown_after - grown_before) / mute / 1024)
    run.record.hold_ratio(PART, "p99", SOME_DO_NOT, ALL_READ, 1.1)
    run.record.hold_median(PART, SOME_DO_NOT, MEMORY, 4.0)
