"""Charts as SVG, drawn from the figures of a run: bars to compare, lines to see growth.

Plain shapes and text with the reader's own colours: light or dark as their
browser is. Nothing here knows what the figures mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 760
BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, VALUE_WIDTH = 24, 12, 270, 90
TOP: Final = 52
PLOT_HEIGHT, PLOT_LEFT, PLOT_BOTTOM = 220, 64, 44
LEGEND_ROW: Final = 20

_STYLE: Final = """<style>
text { font: 14px system-ui, sans-serif; fill: #1c2430 }
.title { font-weight: 600; font-size: 16px } .quiet { fill: #5b6675; font-size: 12px }
.ours { fill: #0b6e4f } .theirs { fill: #9aa7b5 } .axis { stroke: #9aa7b5 }
.line0 { stroke: #0b6e4f; fill: #0b6e4f } .line1 { stroke: #b4540a; fill: #b4540a }
polyline { fill: none !important; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e8edf3 } .quiet { fill: #a8b3c0 } .ours { fill: #4cc38a } .theirs { fill: #66737f }
  .line0 { stroke: #4cc38a; fill: #4cc38a } .line1 { stroke: #f0a35e; fill: #f0a35e }
}
</style>"""


class Bar(NamedTuple):
    """Value of one subject; ours is highlighted."""

    label: str
    value: float
    is_ours: bool


class Line(NamedTuple):
    """Values by size, in ascending order of size."""

    label: str
    points: Sequence[tuple[float, float]]


def bars(title: str, unit: str, found: Sequence[Bar]) -> str:
    """Draw one bar for each subject, smallest first, with a scale from zero."""
    ordered = sorted(found, key=lambda bar: bar.value)
    longest = max(bar.value for bar in ordered) or 1.0
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    parts = []
    for row, bar in enumerate(ordered):
        y = TOP + row * (BAR_HEIGHT + BAR_GAP)
        length = max(1.0, bar.value / longest * room)
        kind = "ours" if bar.is_ours else "theirs"
        middle = y + BAR_HEIGHT / 2 + 5
        parts += [
            f'<text x="{LABEL_WIDTH - 10}" y="{middle:.0f}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}"/>',
            f'<text x="{LABEL_WIDTH + length + 8:.1f}" y="{middle:.0f}">{short(bar.value)}</text>',
        ]
    return _drawing(title, unit, TOP + len(ordered) * (BAR_HEIGHT + BAR_GAP) + 8, parts)


def lines(title: str, unit: str, sizes: str, found: Sequence[Line]) -> str:
    """Draw one line for each label over sizes on a logarithmic scale; values start at zero."""
    all_sizes = sorted({size for line in found for size, _ in line.points})
    highest = max(value for line in found for _, value in line.points) * 1.15 or 1.0
    top = TOP + LEGEND_ROW
    parts = _axes(all_sizes, highest, top, sizes)
    for number, line in enumerate(found):
        places = [(_x(size, all_sizes), _y(value, highest, top)) for size, value in line.points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        x = PLOT_LEFT + number * 250
        parts += [
            f'<polyline class="line{number}" points="{joined}"/>',
            *(f'<circle class="line{number}" cx="{x_:.1f}" cy="{y_:.1f}" r="4"/>' for x_, y_ in places),
            f'<circle class="line{number}" cx="{x}" cy="{TOP}" r="5"/>',
            f'<text x="{x + 12}" y="{TOP + 5}">{escape(line.label)}</text>',
        ]
    return _drawing(title, unit, top + PLOT_HEIGHT + PLOT_BOTTOM, parts)


def short(value: float) -> str:
    """Format a number with three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _axes(all_sizes: Sequence[float], highest: float, top: int, sizes: str) -> list[str]:
    bottom = top + PLOT_HEIGHT
    parts = [
        f'<line class="axis" x1="{PLOT_LEFT}" y1="{bottom}" x2="{WIDTH - 20}" y2="{bottom}"/>',
        f'<text class="quiet" x="{WIDTH - 20}" y="{bottom + 36}" text-anchor="end">{escape(sizes)}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = _y(share * highest, highest, top) + 4
        parts.append(_mark(PLOT_LEFT - 8, y, "end", short(share * highest)))
    return parts + [_mark(_x(size, all_sizes), bottom + 18, "middle", f"{size:,.0f}") for size in all_sizes]


def _mark(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text class="quiet" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'


def _x(size: float, all_sizes: Sequence[float]) -> float:
    first, last = math.log10(all_sizes[0]), math.log10(all_sizes[-1])
    share = (math.log10(size) - first) / ((last - first) or 1.0)
    return PLOT_LEFT + 30 + share * (WIDTH - PLOT_LEFT - 90)


def _y(value: float, highest: float, top: int) -> float:
    return top + PLOT_HEIGHT * (1 - value / highest)


def _drawing(title: str, unit: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">'
    )
    titles = (
        f'<text class="title" x="10" y="20">{escape(title)}</text>'
        f'<text class="quiet" x="10" y="38">{escape(unit)}</text>'
    )
    return "\n".join((head, _STYLE, titles, *parts, "</svg>\n"))
