"""What a run found, told: a table, JSON to keep, charts and figures for ``docs/performance.md``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import charts, fanout, growth, joining, votes
from benchmarks.processes import ROOT
from benchmarks.record import Goal, Record, Row

RESULTS: Final = ROOT / "benchmarks/results"
CHARTS: Final = ROOT / "docs/charts"
DOCUMENT: Final = ROOT / "docs/performance.md"

_FIGURES: Final = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(record: Record, facts: dict[str, str]) -> str:
    """Everything, for a terminal."""
    blocks = ["\n".join(f"{name:>14}  {value}" for name, value in facts.items())]
    for part, rows in groupby(record.rows, key=lambda row: row.part):
        blocks.append("\n".join((f"== {part}", *(_line(record, row) for row in _by_measure(rows)))))
    blocks.append("\n".join(("== goals", *(_goal_line(goal) for goal in record.goals))))
    blocks += [f"FAILED  {failure}" for failure in record.failures]
    blocks += [f"left out  {name}" for name in record.left_out]
    return "\n\n".join(blocks)


def save(record: Record, facts: dict[str, str], *, is_quick: bool) -> Path:
    """All rounds of all rows, as JSON; where it is kept."""
    today = datetime.now(UTC).date().isoformat()
    path = RESULTS / f"{today}{'-quick' if is_quick else ''}.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "date": today,
        "facts": facts,
        "rows": [msgspec.structs.asdict(row) | {"median": row.median} for row in record.rows],
        "goals": [msgspec.structs.asdict(goal) | {"is_met": goal.is_met} for goal in record.goals],
        "failures": record.failures,
        "left_out": record.left_out,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return path


def draw(record: Record) -> None:
    """Every chart whose figures there are."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, picture in _charts(record).items():
        (CHARTS / f"{name}.svg").write_text(picture)


def fill_document(record: Record, facts: dict[str, str]) -> None:
    """The figures of ``docs/performance.md``, each between its own marks; words are left alone."""
    told = {
        "goals": _markdown(("goal", "measured", "limit", ""), [_goal_cells(goal) for goal in record.goals]),
        "machine": _markdown(("", ""), list(facts.items())),
        "rows": _markdown(
            ("part", "what", "measure", "median", "rounds"), [_cells(row) for row in record.rows]
        ),
    }
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(_FIGURES.sub(lambda found: found[1] + told[found[2]] + found[3], text))


def _line(record: Record, row: Row) -> str:
    ours = _first_of(record, row)
    against = f"x {row.median / ours.median:.2f}" if ours is not row and ours.median else ""
    rounds = " ".join(charts.short(value) for value in row.rounds) if len(row.rounds) > 1 else ""
    value = f"{charts.short(row.median):>9} {row.unit:<6}"
    return f"  {row.subject:<48} {row.measure:<34} {value} {against:<9} {rounds}"


def _first_of(record: Record, row: Row) -> Row:
    """The part's first subject in this measure: what the others are compared with."""
    return next(each for each in record.rows if (each.part, each.measure) == (row.part, row.measure))


def _by_measure(rows: object) -> list[Row]:
    found: list[Row] = list(rows)  # type: ignore[call-overload]
    order = list(dict.fromkeys(row.measure for row in found))
    return sorted(found, key=lambda row: order.index(row.measure))


def _goal_line(goal: Goal) -> str:
    what, value, limit, verdict = _goal_cells(goal)
    return f"  {verdict:<7} {value:>9}  {limit:<14} {what}"


def _goal_cells(goal: Goal) -> tuple[str, str, str, str]:
    value = "-" if goal.value is None else charts.short(goal.value)
    sign = "<=" if goal.better == "at most" else ">="
    verdict = "met" if goal.is_met else "not met" if goal.value is not None else "left out"
    return f"{goal.part}: {goal.what}", value, f"{sign} {goal.limit:g}", verdict


def _cells(row: Row) -> tuple[str, ...]:
    rounds = ", ".join(charts.short(value) for value in row.rounds)
    return row.part, row.subject, row.measure, f"{charts.short(row.median)} {row.unit}", rounds


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _charts(record: Record) -> dict[str, str]:
    compared = {
        "votes": (votes.PART, votes.CPU, "What one counted vote costs the server"),
        "joining": (joining.PART, joining.CPU, "What one WebSocket handshake costs the server"),
        "memory": (joining.PART, joining.MEMORY, "What one quiet subscriber weighs"),
    }
    for part in dict.fromkeys(row.part for row in record.rows if row.part.startswith("fan-out")):
        size = part.removeprefix("fan-out, ").removesuffix(" sockets").replace(",", "")
        compared[f"fan-out-{size}"] = (
            part,
            fanout.CPU,
            f"What one frame to one of {size} sockets costs the server",
        )
    drawn = {name: _compared(record, *what) for name, what in compared.items() if _rows(record, *what[:2])}
    grown = {
        "growth-voters": (growth.VOTERS, "voters in the poll before", (growth.CPU, growth.STORE_CPU)),
        "growth-polls": (growth.POLLS, "polls voted in at once", (growth.CPU, growth.STORE_CPU)),
        "growth-subscribers": (growth.SUBSCRIBERS, "subscribers of one poll", (fanout.CPU,)),
    }
    return drawn | {
        name: _grown(record, *what) for name, what in grown.items() if _rows(record, what[0], what[2][0])
    }


def _compared(record: Record, part: str, measure: str, title: str) -> str:
    rows = _rows(record, part, measure)
    found = [charts.Bar(row.subject, row.median, row is rows[0]) for row in rows]
    return charts.bars(title, f"{measure}, {rows[0].unit}; less is better", found)


def _grown(record: Record, part: str, sizes: str, measures: Sequence[str]) -> str:
    found = [
        charts.Line(measure, [(float(row.subject.replace(",", "")), row.median) for row in rows])
        for measure in measures
        if (rows := _rows(record, part, measure))
    ]
    return charts.lines(f"How cost grows with {sizes}", "us", sizes, found)


def _rows(record: Record, part: str, measure: str) -> list[Row]:
    return [row for row in record.rows if (row.part, row.measure) == (part, measure)]
