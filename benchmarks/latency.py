"""(c) Vote to screen: time from the response to a vote until a subscriber receives a frame that contains it.

One clock, on the load core, stamps responses and frames on arrival. A frame that arrives before the response
counts as no delay. Subscribers are sampled evenly in the order of joining.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import crowd
from benchmarks.load import Readers
from benchmarks.processes import BenchmarkError
from benchmarks.run import Run
from benchmarks.service import OPTIONS, Service, a_service
from benchmarks.store import a_store

PART: Final = "vote to screen"
QUIET_RATE: Final = 2.5
"""Changes a second: one each 400 ms, so each is the first change after a quiet interval at 10 Hz."""
FEW: Final = 100

Delays = list[float]


class Watched(NamedTuple):
    """A watched poll with incoming votes. ``mute`` of the ``watchers`` never read."""

    poll: str
    watchers: int
    rate: float
    seconds: float
    mute: int = 0
    options: Sequence[str] = OPTIONS

    def __str__(self) -> str:
        if self.rate <= QUIET_RATE:
            return f"first change after quiet: {self.watchers:,} watching"
        return f"under load: {self.watchers:,} watching, {self.rate:,.0f} votes/s"


def measure(run: Run) -> None:
    """Measure under load, and quiet with many and with few watchers."""
    scale = run.scale
    quiet_s = scale.quiet_changes / QUIET_RATE
    loaded = Watched("loaded", scale.watchers, scale.vote_rate, scale.latency_s)
    quiet = [Watched(f"quiet-{many}", many, QUIET_RATE, quiet_s) for many in (scale.watchers, FEW)]
    for _ in run.rounds(PART):
        with a_store(run) as store, a_service(run, store) as service:
            for watched in (loaded, *quiet):
                record_delays(run, PART, str(watched), timed(run, service, watched)[0])
    run.record.hold_median(PART, str(loaded), "p50", 30)
    run.record.hold_median(PART, str(loaded), "p99", 120)
    for watched in quiet:
        run.record.hold_median(PART, str(watched), "p99", 15)


def timed(run: Run, service: Service, watched: Watched) -> tuple[Delays, int]:
    """Return the delays of all votes at all sampled readers (ms), and the memory growth of the server
    (bytes)."""
    poll, log = service.add_poll(watched.poll, watched.options), run.path("answers")
    with Readers(service.port, watched.watchers, f"/v1/polls/{poll}/live", mute=watched.mute) as readers:
        time.sleep(crowd.SETTLE_S)
        memory = service.process.memory_bytes()
        with crowd.voting(run, service, poll, rate=watched.rate, seconds=watched.seconds, log=log):
            pass
        grown = service.process.memory_bytes() - memory
        crowd.check_truth(service, poll, readers)
        return delays(log, readers.samples()), grown


def record_delays(run: Run, part: str, subject: str, found: Delays) -> None:
    """Record the percentiles of one round."""
    run.record.add(part, subject, "p50", "ms", percentile(found, 0.50))
    run.record.add(part, subject, "p99", "ms", percentile(found, 0.99))


def delays(log: Path, samples: list[list[tuple[int, int]]]) -> Delays:
    """Return the time from each response to the first frame with the vote, for each reader (ms, sorted)."""
    answers = [(int(at), int(seq)) for at, seq in (line.split() for line in log.read_text().splitlines())]
    found = []
    for frames in samples:
        seqs = [seq for _, seq in frames]
        for at, seq in answers:
            place = bisect_left(seqs, seq)
            if place == len(frames):
                raise BenchmarkError(f"A reader never saw vote {seq}.")
            found.append(max(0, frames[place][0] - at) / 1e6)
    if not found:
        raise BenchmarkError("No delay was measured.")
    return sorted(found)


def percentile(found: Delays, share: float) -> float:
    """Return the percentile of sorted delays."""
    return found[int(share * (len(found) - 1))]
