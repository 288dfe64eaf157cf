"""Bars of a forecast in a terminal: the mean, with a band from the lower to the upper quartile."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from pollwire.errors import Document
from pollwire.terminal.shares import shares_of

_MIN_WIDTH = 10
_MAX_WIDTH = 60
_MICRO = 10**6
"""Probabilities are rounded from millionths, as the service stores them."""


class ForecastBar:
    """Bar up to the mean probability, a line through the band, and a mark at the median."""

    def __init__(self, mean: float, quartiles: Mapping[str, float], style: str) -> None:
        self._mean = mean
        self._quartiles = quartiles
        self._style = Style.parse(style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bar in the available width. Called by rich."""
        yield Segment(self._cells(min(options.max_width, _MAX_WIDTH)), self._style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the range of widths. Called by rich."""
        return Measurement(_MIN_WIDTH, max(_MIN_WIDTH, min(options.max_width, _MAX_WIDTH)))

    def _cells(self, width: int) -> str:
        low, median, high = (_cell(self._quartiles[name], width) for name in ("low", "median", "high"))
        mean = round(self._mean * width)
        cells = ["━" if cell < mean else "─" if low <= cell <= high else " " for cell in range(width)]
        cells[median] = "┃"
        return "".join(cells)


def _cell(probability: float, width: int) -> int:
    return min(int(probability * width), width - 1)


def band_text(results: Document, outcome: str) -> str:
    """Format the quartiles of an outcome: ``40 to 82 %``."""
    quartiles = results["spread"][outcome]
    return f"{100 * quartiles['low']:.0f} to {100 * quartiles['high']:.0f} %"


def mean_text(results: Document, outcome: str) -> str:
    """Format the mean probability of an outcome: ``61.3 %``. Those of all outcomes add up to 100 %."""
    micro = {name: round(mean * _MICRO) for name, mean in results["forecast"].items()}
    return f"{shares_of(micro, _MICRO, digits=1)[outcome]:.1f} %"
