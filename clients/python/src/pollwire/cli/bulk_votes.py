"""Command that sends the votes of a file, for voters that the operator knows."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from typing import IO, Final

import click

from pollwire import Client
from pollwire.cli.context import REFUSED, compact, connection_options, run_client, target_of_flags
from pollwire.cli.progress import Advance, bar_of
from pollwire.errors import Document
from pollwire.terminal.charts import printable

MAX_PRINTED: Final = 20
"""Rejected lines printed one by one in text output. Further ones are only counted."""
STATUSES: Final = ("counted", "changed", "unchanged")


@click.group()
@connection_options
def votes() -> None:
    """Send votes for voters that you know (operators)."""


@votes.command()
@click.argument("poll")
@click.argument("file", type=click.File("rb"))
@connection_options
def send(poll: str, file: IO[bytes]) -> None:
    """Send the votes in FILE, one JSON object {"voter", "choice"} a line (- reads standard input).

    Sending a file again is safe: votes that were counted are unchanged. The exit code is 1 if a line
    was rejected.
    """
    target = target_of_flags()
    refused: list[Document] = []
    with bar_of("votes") as advance:
        summary = run_client(
            lambda client: _send(client, poll, _lines_with_progress(file, advance), refused), target
        )
    for problem in refused if target.as_json else refused[:MAX_PRINTED]:
        sentence = f"line {problem['line']}: {printable(problem['detail'])}"
        click.echo(compact(problem) if target.as_json else sentence, err=True)
    if len(refused) > MAX_PRINTED and not target.as_json:
        click.echo(f"and {len(refused) - MAX_PRINTED:,} more.", err=True)
    target.print_result(
        summary, ", ".join(f"{summary[name]:,} {name}" for name in (*STATUSES, "refused")) + "."
    )
    if refused:
        sys.exit(REFUSED)


async def _send(client: Client, poll: str, lines: Iterable[bytes], refused: list[Document]) -> dict[str, int]:
    """Return the number of lines by status. Add the rejected lines to ``refused``."""
    summary = dict.fromkeys((*STATUSES, "refused"), 0)
    async with aclosing(client.send_votes(poll, lines)) as answers:
        async for result in answers:
            if "problem" in result:
                refused.append(result)
                summary["refused"] += 1
            else:
                summary[result["status"]] += 1
    return summary


def _lines_with_progress(file: IO[bytes], advance: Advance) -> Iterator[bytes]:
    """Yield the lines of the file, and report the progress of reading."""
    read, size = 0, _size(file)
    for line in file:
        yield line
        read += len(line)
        advance(read, size)


def _size(file: IO[bytes]) -> int | None:
    """Return the size of a file in bytes, or None if it is unknown (a pipe)."""
    try:
        status = os.fstat(file.fileno())
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
