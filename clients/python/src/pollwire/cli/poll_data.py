"""Commands that read a poll's data: export, audit, recount and timeline."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from pollwire import Client
from pollwire.cli.context import (
    MISUSED,
    REFUSED,
    Failure,
    compact,
    connection_options,
    run_client,
    target_of_flags,
)
from pollwire.cli.output import print_list
from pollwire.cli.progress import bar_of
from pollwire.errors import Document
from pollwire.terminal.charts import format_voters, minute_of, printable
from pollwire.terminal.sparklines import sparklines


@click.command()
@click.argument("poll")
@click.option(
    "--format", "export_format", type=click.Choice(["csv", "ndjson"]), default="csv", show_default=True
)
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@connection_options
def export(poll: str, export_format: str, out: Path | None) -> None:
    """Export all current votes of a poll (default: to standard output)."""
    target = target_of_flags()
    if out is None:
        run_client(lambda client: _write(client, poll, export_format, sys.stdout.buffer), target)
        return
    try:
        with _atomic_file(out) as file:
            votes = run_client(lambda client: _write(client, poll, export_format, file), target)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.", MISUSED) from None
    target.print_result({"file": str(out), "votes": votes}, f"{out} has {votes:,} votes.")


@click.command()
@click.argument("poll")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@connection_options
def audit(poll: str, limit: int) -> None:
    """List the audit log of a poll, newest first."""
    target = target_of_flags()
    items, more = run_client(lambda client: client.audit(poll, limit=limit), target)
    print_list(target, items, more, cells=_cells)


@click.command()
@click.argument("poll")
@connection_options
def recount(poll: str) -> None:
    """Count all ballots again and compare. The exit code is 1 if the totals differ."""
    target = target_of_flags()
    answer = run_client(lambda client: client.recount(poll), target)
    stored, recounted = answer["stored"], answer["recounted"]
    text = f"The totals match the ballots of {format_voters(recounted['voters'])}."
    if not answer["matches"]:
        text = f"The ballots add up to {recounted}, but the stored totals are {stored}."
    target.print_result(answer, text)
    if not answer["matches"]:
        sys.exit(REFUSED)


@click.command()
@click.argument("poll")
@connection_options
def timeline(poll: str) -> None:
    """Show the totals of a poll over time: a chart in a terminal, a line for each point in a pipe."""
    target = target_of_flags()
    answer = run_client(lambda client: client.timeline_for_operators(poll), target)
    if target.as_json:
        click.echo(compact(answer))
    elif sys.stdout.isatty():
        Console().print(sparklines(answer["points"]))
    else:
        for point in answer["points"]:
            counts = (f"{option}={count}" for option, count in point["counts"].items())
            click.echo("\t".join(map(printable, (point["at"], point["voters"], *counts))))


def _cells(entry: Document) -> tuple[object, ...]:
    return minute_of(entry["at"]), entry["by"], entry["act"], _changes(entry)


def _changes(entry: Document) -> str:
    """Format the changes, such as ``phase open -> closed``. Omit the version, which every action changes."""
    before, after = entry["before"] or {}, entry["after"] or {}
    names = [
        name for name in {**before, **after} if name != "version" and before.get(name) != after.get(name)
    ]
    if not before or not after:
        return ""
    return ", ".join(f"{name} {before.get(name)} -> {after.get(name)}" for name in names)


@contextmanager
def _atomic_file(out: Path) -> Iterator[IO[bytes]]:
    """Create a file that gets its name when it is complete. A failed block leaves no file."""
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


async def _write(client: Client, poll: str, export_format: str, file: IO[bytes]) -> int:
    """Write the export to ``file``. Return the number of votes."""
    lines = 0
    votes = (await client.results_for_operators(poll))["voters"]
    with bar_of("votes") as advance:
        async with aclosing(client.export(poll, export_format)) as pieces:
            async for piece in pieces:
                file.write(piece)
                lines += piece.count(b"\n")
                advance(lines, votes)
    file.flush()
    return lines - (export_format == "csv")
