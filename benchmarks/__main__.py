"""Command line of the benchmark: run the parts, print the table and store the results.

usage: python -m benchmarks [--quick] [PART...]
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import Final

from benchmarks import (
    document,
    durable,
    fanout,
    growth,
    joining,
    latency,
    machine,
    profile,
    reading,
    report,
    slow,
    telemetry,
    visit,
    votes,
    workers,
)
from benchmarks.processes import pin_to_load_core
from benchmarks.record import Record
from benchmarks.run import Run, a_run, progress
from benchmarks.scale import FULL, QUICK

PARTS: Final[dict[str, Callable[[Run], None]]] = {
    "votes": votes.measure,
    "durable": durable.measure,
    "fanout": fanout.measure,
    "latency": latency.measure,
    "slow": slow.measure,
    "joining": joining.measure,
    "reading": reading.measure,
    "workers": workers.measure,
    "telemetry": telemetry.measure,
    "growth": growth.measure,
    "visit": visit.measure,
    "profile": profile.measure,
}


def main(arguments: list[str]) -> int:
    """Measure, print and store. Return 1 if a part failed or its responses were wrong, 2 for wrong usage."""
    is_quick = "--quick" in arguments
    wanted = [name for name in arguments if name != "--quick"] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        progress(f"Unknown part: {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}.")
        return 2
    if lacking := machine.missing():
        progress(f"Missing requirements: {', '.join(lacking)}.")
        return 2
    pin_to_load_core()
    facts = machine.facts()
    with a_run(QUICK if is_quick else FULL) as run:
        _measure(run, wanted)
        _publish(run, facts, wanted, is_quick=is_quick)
        return 1 if run.record.failures else 0


def _measure(run: Run, wanted: list[str]) -> None:
    """Measure the parts in turn. A failing part does not stop the others."""
    for name in wanted:
        began = time.monotonic()
        progress(name)
        try:
            PARTS[name](run)
        except Exception as failure:  # every error is logged and counted as a failed part
            progress(traceback.format_exc())
            run.record.failures.append(f"{name}: {failure}")
        progress(f"  {name} took {time.monotonic() - began:.0f} s")


def _publish(run: Run, facts: dict[str, str], wanted: list[str], *, is_quick: bool) -> None:
    """Store a complete run. Store repeated parts if a complete run of the same commit and day exists."""
    print(report.table(run.record, facts))  # noqa: T201
    record: Record | None = run.record
    if set(wanted) != set(PARTS):
        record = None if is_quick else report.merged_with_todays_run(run.record, facts, wanted)
    if record is None:
        return
    progress(f"Stored in {report.save(record, facts, is_quick=is_quick)}.")
    if not is_quick and not record.failures:
        document.fill(record, facts, document.draw(record))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
