"""Output of lists: JSON for programs, a table for a terminal, a line for each item for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pollwire.cli.context import Target, compact
from pollwire.errors import Document
from pollwire.terminal.charts import printable


def print_list(
    target: Target,
    items: Sequence[Document],
    more: str | None,
    *,
    cells: Callable[[Document], Sequence[object]],
    columns: Sequence[str] = (),
) -> None:
    """Print the items. ``more`` is the cursor of the next page.

    ``cells`` returns the values to print for one item. With ``columns``, their names, a terminal shows
    a table.
    """
    if target.as_json:
        click.echo(compact({"items": items, "next": more}))
        return
    rows = [[printable(cell) for cell in cells(item)] for item in items]
    if columns and sys.stdout.isatty():
        table = Table(*columns, box=None, header_style="bold")
        for row in rows:
            table.add_row(*map(Text, row))  # plain text: texts of users are not markup
        Console().print(table)
    else:
        for row in rows:
            click.echo("\t".join(row))
    if more is not None:
        click.echo(f"There are more; --limit {len(items) * 2} shows some of them.", err=True)
