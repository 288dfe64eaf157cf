"""The benchmark, from a word on the command line to the table.

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
from benchmarks.processes import take_the_load_core
from benchmarks.record import Record
from benchmarks.run import Run, a_run, say
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
    """Measure, tell, keep; 1 where a part could not be measured or its answers were wrong."""
    is_quick = "--quick" in arguments
    wanted = [name for name in arguments if name != "--quick"] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        say(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
        return 2
    if lacking := machine.missing():
        say(f"Not here, and needed: {', '.join(lacking)}.")
        return 2
    take_the_load_core()
    facts = machine.facts()
    with a_run(QUICK if is_quick else FULL) as run:
        _measure(run, wanted)
        _tell(run, facts, wanted, is_quick=is_quick)
        return 1 if run.record.failures else 0


def _measure(run: Run, wanted: list[str]) -> None:
    """Part after part; one that fails does not keep the others from being measured."""
    for name in wanted:
        began = time.monotonic()
        say(name)
        try:
            PARTS[name](run)
        except Exception as failure:  # whatever it is: told, and counted as failed
            say(traceback.format_exc())
            run.record.failures.append(f"{name}: {failure}")
        say(f"  {name} took {time.monotonic() - began:.0f} s")


def _tell(run: Run, facts: dict[str, str], wanted: list[str], *, is_quick: bool) -> None:
    """A whole run is kept; so are parts measured again on the day of a whole run of the same commit."""
    print(report.table(run.record, facts))  # noqa: T201
    record: Record | None = run.record
    if set(wanted) != set(PARTS):
        record = None if is_quick else report.within_the_days(run.record, facts, wanted)
    if record is None:
        return
    say(f"Kept in {report.save(record, facts, is_quick=is_quick)}.")
    if not is_quick and not record.failures:
        document.fill(record, facts, document.draw(record))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
