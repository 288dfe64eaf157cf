"""Live views of a watched poll: moving bars, a line for each change, or JSON for programs."""

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
    """Receiver of the results of a watched poll."""

    def results(self, poll: Document, results: Document) -> None:
        """Show these results instead of the last ones."""

    def lost(self, error: ClientError) -> None:
        """Report a lost connection, which is being retried. The results shown may be out of date."""


class JsonShow:
    """View that prints each result as one line of JSON (NDJSON), as the service sent it."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo

    def results(self, poll: Document, results: Document) -> None:
        self._echo(json.dumps(results, ensure_ascii=False))

    def lost(self, error: ClientError) -> None:
        """Print nothing: a program reads the next results, or the end."""


class LineShow:
    """View that prints a line for each change. Lost connections go to ``warn``, not into the pipe."""

    def __init__(self, echo: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._echo = echo
        self._warn = warn

    def results(self, poll: Document, results: Document) -> None:
        self._echo(line(poll, results))

    def lost(self, error: ClientError) -> None:
        self._warn(f"{error} Trying again.")


class BarShow:
    """View that redraws the bar chart in place."""

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
    """Show a bar chart while the block runs. The last chart stays, and the cursor is always restored."""
    with Live(console=console, auto_refresh=False) as live:
        yield BarShow(live)
