"""The commands about predictions: what they came to (resolve, unresolve), and who is ahead (series)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from service.cli.session import ask, compact, speaks, target_of_flags
from service.client.bars import printable
from service.client.errors import Document
from service.client.predictions import Progress as Told

_COLUMNS = ("rank", "name", "forecasts", "accuracy")


@click.command()
@click.argument("poll")
@click.argument("outcome", required=False)
@click.option("--annul", is_flag=True, help="Nobody was right or wrong.")
@click.option("--effective-at", metavar="TIME", help="Choices changed after it do not score (RFC 3339).")
@click.option("--note", metavar="TEXT", help="Told with the outcome.")
@speaks
def resolve(poll: str, outcome: str | None, annul: bool, effective_at: str | None, note: str | None) -> None:
    """Say that a closed prediction has come to OUTCOME, and score everybody."""
    if annul == (outcome is not None):
        raise click.UsageError("Name the OUTCOME, or annul the prediction with --annul alone.")
    target = target_of_flags()
    with _progress("voters scored") as told:
        after = ask(
            lambda client: client.resolve(
                poll, outcome, effective_at=effective_at, note=note, on_progress=told
            ),
            target,
        )
    target.tell(after, f"{poll} is annulled." if annul else f"{poll} is resolved: {outcome}.")


@click.command()
@click.argument("poll")
@speaks
def unresolve(poll: str) -> None:
    """Take back what a prediction came to, and every score for it."""
    target = target_of_flags()
    with _progress("voters unscored") as told:
        after = ask(lambda client: client.unresolve(poll, on_progress=told), target)
    target.tell(after, f"{poll} is {after['phase']} again.")


@click.group()
@speaks
def series() -> None:
    """Series of predictions: who is ahead."""


@series.command()
@click.argument("series_id", metavar="SERIES")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@speaks
def leaderboard(series_id: str, limit: int) -> None:
    """Show who is ahead in a series."""
    target = target_of_flags()
    items, more = ask(lambda client: client.leaderboard(series_id, limit=limit), target)
    if target.as_json:
        click.echo(compact({"items": items, "next": more}))
    elif sys.stdout.isatty():
        Console().print(_table(items))
    else:
        for row in items:
            click.echo("\t".join(_cells(row)))
    if more is not None and not target.as_json:
        click.echo(f"There are more; --limit {limit * 2} shows some of them.", err=True)


def _table(items: list[Document]) -> Table:
    table = Table(*_COLUMNS, box=None, header_style="bold")
    for row in items:
        table.add_row(*map(Text, _cells(row)))  # a name is its owner's text, and no markup of ours
    return table


def _cells(row: Document) -> list[str]:
    accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.1%}"
    return [str(row["rank"]), printable(row["name"] or "-"), str(row["forecasts"]), accuracy]


@contextmanager
def _progress(what: str) -> Iterator[Told]:
    """A bar on standard error for people who wait; nothing for programs."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
