"""Timeline for a terminal: a sparkline for each option, all with the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pollwire.errors import Document
from pollwire.terminal.charts import minute_of, printable

WIDTH: Final = 60
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"


def sparklines(points: Sequence[Document]) -> RenderableType:
    """Draw the count of each option from the first point (left) to the last (right)."""
    if not points:
        return Text("No votes yet.")
    columns = columns_of(points)
    highest = max((count for point in points for count in point["counts"].values()), default=0)
    table = Table.grid(padding=(0, 1))
    for option, last in points[-1]["counts"].items():
        counts = [point["counts"].get(option, 0) for point in columns]
        table.add_row(printable(option), _line(counts, highest), f"{last:,}")
    ends = f"{minute_of(points[0]['at'])} to {minute_of(points[-1]['at'])}, {points[-1]['voters']:,} voters"
    return Group(table, Text(ends, style="dim"))


def columns_of(points: Sequence[Document], width: int = WIDTH) -> list[Document]:
    """Return the point current at each of ``width`` times, evenly spaced from the first to the last point."""
    first, last = _seconds(points[0]), _seconds(points[-1])
    columns, place = [], 0
    for column in range(width):
        instant = first + (last - first) * column / (width - 1)
        while place + 1 < len(points) and _seconds(points[place + 1]) <= instant:
            place += 1
        columns.append(points[place])
    return [*columns[:-1], points[-1]]


def _seconds(point: Document) -> float:
    return datetime.fromisoformat(point["at"]).timestamp()


def _line(counts: Sequence[int], highest: int) -> str:
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[-(-count * top // highest) if highest else 0] for count in counts)
