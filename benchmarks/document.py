"""Charts of a run, and its tables in ``docs/performance.md``, each between two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from benchmarks import (
    charts,
    durable,
    fanout,
    growth,
    joining,
    latency,
    profile,
    reading,
    slow,
    telemetry,
    visit,
    votes,
    workers,
)
from benchmarks.processes import ROOT
from benchmarks.record import Record, Row
from benchmarks.report import by_measure, first_of, goal_cells

DOCUMENT: Final = ROOT / "docs/performance.md"
CHARTS: Final = DOCUMENT.parent / "charts"

_FIGURES: Final = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTIONS: Final = {
    "votes": (votes.PART, durable.PART),
    "fanout": ("fan-out",),
    "latency": (latency.PART, slow.PART),
    "joining": (joining.PART, joining.STORED),
    "reading": (reading.PART,),
    "workers": (workers.PART,),
    "telemetry": (telemetry.PART,),
    "growth": ("growth",),
    "visit": (visit.PART,),
    "profile": (profile.PART,),
}
"""Prefixes of the parts in each section of the document."""


def draw(record: Record) -> dict[str, list[str]]:
    """Write every chart with results. Return the names of the charts by part."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, list[str]] = {}
    for part, name, picture in _compared_charts(record) + _growth_charts(record):
        (CHARTS / f"{name}.svg").write_text(picture)
        drawn.setdefault(part, []).append(name)
    return drawn


def fill(record: Record, facts: dict[str, str], drawn: dict[str, list[str]]) -> None:
    """Replace the tables in the document by those of this run."""
    tables = {
        "goals": _markdown(("goal", "measured", "limit", ""), [goal_cells(goal) for goal in record.goals]),
        "machine": _markdown(("", ""), list(facts.items())),
    }
    for name, beginnings in _SECTIONS.items():
        rows = [row for row in record.rows if row.part.startswith(beginnings)]
        tables[name] = "".join(
            _section(record, part, rows, drawn) for part in dict.fromkeys(r.part for r in rows)
        )
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(_FIGURES.sub(lambda found: f"{found[1]}{tables[found[2]]}{found[3]}", text))


def _section(record: Record, part: str, rows: Sequence[Row], drawn: dict[str, list[str]]) -> str:
    pictures = "".join(f"![{part}: {name}](charts/{name}.svg)\n\n" for name in drawn.get(part, ()))
    cells = [_cells(record, row) for row in by_measure(row for row in rows if row.part == part)]
    return f"\n{pictures}{_markdown((part, '', 'median', 'against the first', 'rounds'), cells)}\n"


def _cells(record: Record, row: Row) -> tuple[str, ...]:
    first = first_of(record, row)
    against = f"x {row.median / first.median:.2f}" if first is not row and first.median else ""
    rounds = ", ".join(charts.short(value) for value in row.rounds)
    return row.subject, row.measure, f"{charts.short(row.median)} {row.unit}", against, rounds


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _compared_charts(record: Record) -> list[tuple[str, str, str]]:
    """Return part, name and picture of each chart that compares subjects."""
    wanted = [
        (votes.PART, votes.CPU, "votes", "What one counted vote costs the server"),
        (joining.PART, joining.CPU, "joining", "What one WebSocket handshake costs the server"),
        (joining.PART, joining.MEMORY, "memory", "What one quiet subscriber weighs"),
    ]
    for part in dict.fromkeys(row.part for row in record.rows if row.part.startswith("fan-out")):
        size = part.removeprefix("fan-out, ").removesuffix(" sockets")
        title = f"What one frame to one of {size} sockets costs the server"
        wanted.append((part, fanout.CPU, f"fan-out-{size.replace(',', '')}", title))
    return [
        (part, name, _compared(rows, title))
        for part, measure, name, title in wanted
        if (rows := _rows(record, part, measure))
    ]


def _growth_charts(record: Record) -> list[tuple[str, str, str]]:
    """Return part, name and picture of each growth chart."""
    wanted = (
        (growth.VOTERS, "growth-voters", "voters in the poll before", (growth.CPU, growth.STORE_CPU)),
        (growth.POLLS, "growth-polls", "polls voted in at once", (growth.CPU, growth.STORE_CPU)),
        (growth.SUBSCRIBERS, "growth-subscribers", "subscribers of one poll", (fanout.CPU,)),
    )
    return [
        (part, name, _grown(record, part, sizes, measures))
        for part, name, sizes, measures in wanted
        if _rows(record, part, measures[0])
    ]


def _compared(rows: Sequence[Row], title: str) -> str:
    found = [charts.Bar(row.subject, row.median, row is rows[0]) for row in rows]
    return charts.bars(title, f"{rows[0].measure}, {rows[0].unit}; less is better", found)


def _grown(record: Record, part: str, sizes: str, measures: Sequence[str]) -> str:
    found = []
    for measure in measures:
        points = [(float(row.subject.replace(",", "")), row.median) for row in _rows(record, part, measure)]
        found.append(charts.Line(measure, points))
    return charts.lines(f"How cost grows with {sizes}", "us", sizes, found)


def _rows(record: Record, part: str, measure: str) -> list[Row]:
    return [row for row in record.rows if (row.part, row.measure) == (part, measure)]
