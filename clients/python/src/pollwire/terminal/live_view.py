"""Three ways to show a watched poll: bars that move, a line for each change, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from pollwire.errors import ClientError, Document
from pollwire.terminal.charts import bars, line


class LiveView(Protocol):
    """Where the frames of a watch go."""

    def results(self, poll: Document, results: Document) -> None:
        """Show these totals instead of the last ones."""

    def lost(self, error: ClientError) -> None:
        """Say that what is shown may be old: the connection is gone, and being made again."""


class JsonShow:
    """One JSON object a line (NDJSON), exactly as the service sent it."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo

    def results(self, poll: Document, results: Document) -> None:
        self._echo(json.dumps(results, ensure_ascii=False))

    def lost(self, error: ClientError) -> None:
        """Nothing: a program sees the next results, or the end."""


class LineShow:
    """One line a change; losses go to ``warn``, so that they stay out of what is piped."""

    def __init__(self, echo: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._echo = echo
        self._warn = warn

    def results(self, poll: Document, results: Document) -> None:
        self._echo(line(poll, results))

    def lost(self, error: ClientError) -> None:
        self._warn(f"{error} Trying again.")


class BarShow:
    """Bars that are drawn over the last ones, in place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._last: tuple[Document, Document] | None = None

    def results(self, poll: Document, results: Document) -> None:
        self._last = poll, results
        self._live.update(bars(poll, results), refresh=True)

    def lost(self, error: ClientError) -> None:
        if self._last is not None:
            self._live.update(bars(*self._last, note=f"{error} Trying again."), refresh=True)


@contextmanager
def bar_show(console: Console) -> Iterator[BarShow]:
    """Bars on the console, whose cursor is given back however the block ends; the last ones stay."""
    with Live(console=console, auto_refresh=False) as live:
        yield BarShow(live)
