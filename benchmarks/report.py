"""Report of a run: a table for the terminal, and JSON files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import charts
from benchmarks.processes import ROOT
from benchmarks.record import Goal, Record, Row

RESULTS: Final = ROOT / "benchmarks/results"


class _StoredRecord(Record):
    """Record as stored; ``is_met`` and medians are recomputed."""

    facts: dict[str, str] = msgspec.field(default_factory=dict)


def today() -> str:
    """Return today's date (UTC), which names the result files."""
    return datetime.now(UTC).date().isoformat()


def table(record: Record, facts: dict[str, str]) -> str:
    """Format all results for the terminal."""
    blocks = ["\n".join(f"{name:>14}  {value}" for name, value in facts.items())]
    for part, rows in groupby(record.rows, key=lambda row: row.part):
        blocks.append("\n".join((f"== {part}", *(_line(record, row) for row in by_measure(rows)))))
    blocks.append("\n".join(("== goals", *(_goal_line(goal) for goal in record.goals))))
    blocks += [f"FAILED  {failure}" for failure in record.failures]
    blocks += [f"left out  {name}" for name in record.left_out]
    blocks += [f"measured again, after  {failure}" for failure in record.again]
    return "\n\n".join(blocks)


def merged_with_todays_run(record: Record, facts: dict[str, str], measured: Iterable[str]) -> Record | None:
    """Return today's record with the repeated parts replaced; None if there is none of the same commit.

    The failures that caused the repetition are listed in its ``again``.
    """
    path = path_of_today(is_quick=False)
    if not path.exists():
        return None
    stored = msgspec.json.decode(path.read_bytes(), type=_StoredRecord)
    if stored.facts["commit"] != facts["commit"]:
        return None
    measured_parts = {row.part for row in record.rows} | {goal.part for goal in record.goals}
    names = tuple(f"{name}:" for name in measured)
    return Record(
        [row for row in stored.rows if row.part not in measured_parts] + record.rows,
        [goal for goal in stored.goals if goal.part not in measured_parts] + record.goals,
        [failure for failure in stored.failures if not failure.startswith(names)] + record.failures,
        [left for left in stored.left_out if not left.startswith(names)] + record.left_out,
        stored.again + [failure for failure in stored.failures if failure.startswith(names)],
    )


def path_of_today(*, is_quick: bool) -> Path:
    """Return the path of today's record."""
    return RESULTS / f"{today()}{'-quick' if is_quick else ''}.json"


def save(record: Record, facts: dict[str, str], *, is_quick: bool) -> Path:
    """Write the record as JSON. Return its path."""
    path = path_of_today(is_quick=is_quick)
    path.parent.mkdir(exist_ok=True)
    document = {
        "date": today(),
        "facts": facts,
        "rows": [msgspec.structs.asdict(row) | {"median": row.median} for row in record.rows],
        "goals": [msgspec.structs.asdict(goal) | {"is_met": goal.is_met} for goal in record.goals],
        "failures": record.failures,
        "left_out": record.left_out,
        "again": record.again,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return path


def _line(record: Record, row: Row) -> str:
    ours = first_of(record, row)
    against = f"x {row.median / ours.median:.2f}" if ours is not row and ours.median else ""
    rounds = " ".join(charts.short(value) for value in row.rounds) if len(row.rounds) > 1 else ""
    value = f"{charts.short(row.median):>9} {row.unit:<6}"
    return f"  {row.subject:<48} {row.measure:<34} {value} {against:<9} {rounds}"


def first_of(record: Record, row: Row) -> Row:
    """Return the part's first subject of this measure, the baseline of the comparison."""
    return next(each for each in record.rows if (each.part, each.measure) == (row.part, row.measure))


def by_measure(rows: Iterable[Row]) -> list[Row]:
    """Sort rows so that rows of one measure are adjacent."""
    found = list(rows)
    order = list(dict.fromkeys(row.measure for row in found))
    return sorted(found, key=lambda row: order.index(row.measure))


def _goal_line(goal: Goal) -> str:
    what, value, limit, outcome = goal_cells(goal)
    return f"  {outcome:<7} {value:>9}  {limit:<14} {what}"


def goal_cells(goal: Goal) -> tuple[str, str, str, str]:
    """Return the table cells of a goal: description, value, limit and verdict."""
    value = "-" if goal.value is None else charts.short(goal.value)
    sign = "<=" if goal.better == "at most" else ">="
    outcome = "met" if goal.is_met else "not met" if goal.value is not None else "left out"
    return f"{goal.part}: {goal.what}", value, f"{sign} {goal.limit:g}", outcome
