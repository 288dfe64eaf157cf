"""Commands that manage polls, vote and watch results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import IO, Final

import click
from rich.console import Console

from pollwire import Client
from pollwire.cli.context import (
    MISUSED,
    REFUSED,
    Failure,
    Target,
    compact,
    connection_options,
    run_client,
    target_of_flags,
)
from pollwire.cli.output import print_list
from pollwire.cli.voter import vote_as_saved_voter
from pollwire.errors import Document
from pollwire.poll_file import PollFileError, parse_poll
from pollwire.terminal.charts import bars, describe_window, options_match, printable
from pollwire.terminal.live_view import JsonShow, LineShow, LiveView, bar_show

_COLUMNS: Final = ("id", "phase", "kind", "question")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pollwire")
@connection_options
def main() -> None:
    """Run real-time polls: manage polls, vote, and watch results."""


@main.group()
@connection_options
def polls() -> None:
    """Manage polls (operators)."""


@polls.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@connection_options
def create(file: IO[str]) -> None:
    """Create a poll from FILE (TOML or JSON; - reads standard input)."""
    document, target = _read(file), target_of_flags()
    poll = run_client(lambda client: client.create_poll(document), target)
    target.print_result(poll, _summary(poll), f"{target.url}/polls/{poll['id']}")


@polls.command("list")
@click.option("--phase", help="Only polls in this phase.")
@click.option("--kind", help="Only polls of this kind.")
@click.option("--series", help="Only polls of this series.")
@click.option("-q", help="Only polls whose question or id has this text.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@connection_options
def list_polls(phase: str | None, kind: str | None, series: str | None, q: str | None, limit: int) -> None:
    """List polls, newest first."""
    target = target_of_flags()
    filters = {"phase": phase, "kind": kind, "series": series, "q": q}
    items, more = run_client(lambda client: client.polls(limit=limit, **filters), target)
    print_list(target, items, more, cells=lambda poll: [poll[name] for name in _COLUMNS], columns=_COLUMNS)


@polls.command()
@click.argument("poll")
@connection_options
def show(poll: str) -> None:
    """Show a poll and its totals."""
    target = target_of_flags()
    document, results = run_client(lambda client: _poll_and_results(client, poll, target), target)
    if target.as_json:
        click.echo(compact(document))
    else:
        Console().print(bars(document, results))


@polls.command()
@click.argument("poll")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--version", type=int, help="Refuse if the poll is no longer at this version.")
@connection_options
def edit(poll: str, file: IO[str], version: int | None) -> None:
    """Change the fields in FILE (TOML or JSON; - reads standard input)."""
    changes, target = _read(file), target_of_flags()
    after = run_client(lambda client: client.edit_poll(poll, changes, version=version), target)
    target.print_result(after, f"{_summary(after)} Version {after['version']}.")


@polls.command("open")
@click.argument("poll")
@connection_options
def open_poll(poll: str) -> None:
    """Open a scheduled poll now."""
    _run_action(poll, "open")


@polls.command()
@click.argument("poll")
@connection_options
def close(poll: str) -> None:
    """Close an open poll now."""
    _run_action(poll, "close")


@polls.command()
@click.argument("poll")
@click.option("--closes-at", metavar="TIME", help="New closing time (RFC 3339; default: no end date).")
@connection_options
def reopen(poll: str, closes_at: str | None) -> None:
    """Open a closed poll again."""
    _run_action(poll, "reopen", **({} if closes_at is None else {"closes_at": closes_at}))


@polls.command()
@click.argument("poll")
@connection_options
def publish(poll: str) -> None:
    """Publish the totals of a poll."""
    _run_action(poll, "publish")


@polls.command()
@click.argument("poll")
@connection_options
def cancel(poll: str) -> None:
    """Permanently end a poll. Its counted votes stay."""
    _run_action(poll, "cancel")


@polls.command()
@click.argument("poll")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
def archive(poll: str, yes: bool) -> None:
    """Delete the votes of a closed poll and keep its results."""
    if not yes:
        click.confirm(
            f"Permanently delete all votes in {printable(poll)} and keep its results?", abort=True, err=True
        )
    _run_action(poll, "archive")


@polls.command()
@click.argument("poll")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
def reset(poll: str, yes: bool) -> None:
    """Delete all votes of a poll and start again from zero."""
    if not yes:
        click.confirm(f"Permanently delete all votes in {printable(poll)}?", abort=True, err=True)
    _run_action(poll, "reset", confirm=poll)


@polls.command()
@click.argument("poll")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
def delete(poll: str, yes: bool) -> None:
    """Permanently delete a poll and all its votes."""
    target = target_of_flags()
    if not yes:
        click.confirm(f"Permanently delete {printable(poll)} and all its votes?", abort=True, err=True)
    run_client(lambda client: client.delete_poll(poll), target)
    target.print_result({"deleted": poll}, f"{poll} deleted.")


@main.command()
@click.argument("poll")
@click.argument("choice", nargs=-1)
@click.option("--withdraw", is_flag=True, help="Withdraw the current vote.")
@connection_options
def vote(poll: str, choice: tuple[str, ...], withdraw: bool) -> None:
    """Vote for CHOICE: one or more option ids, or a number for a rating.

    Name several ids if the poll allows several. In a ranked poll, name the best first. In a forecast, give
    outcomes a probability, such as npp=70%. A single missing outcome gets the rest.
    """
    if withdraw == bool(choice):
        raise click.UsageError("Name at least one CHOICE, or withdraw the vote with --withdraw alone.")
    target = target_of_flags()
    if withdraw and target.folder.voter_token(target.url) is None:
        raise Failure(f"No vote was cast at {target.url} from the data folder {target.folder.path}.", REFUSED)
    if withdraw:
        answer = run_client(lambda client: client.withdraw(poll), target)
    else:
        answer = run_client(lambda client: vote_as_saved_voter(client, target.folder, poll, choice), target)
    target.print_result(answer, _vote_summary(answer))


@main.command()
@click.argument("poll")
@click.option("--until-final", is_flag=True, help="Stop when voting has ended.")
@connection_options
def watch(poll: str, until_final: bool) -> None:
    """Watch the totals change. Press Ctrl-C to stop."""
    target = target_of_flags()
    try:
        with _showing(target) as show:
            run_client(lambda client: _follow(client, poll, target, show, until_final), target)
    except KeyboardInterrupt:
        sys.exit(0)


def _read(file: IO[str]) -> Document:
    try:
        return parse_poll(file.read(), file.name)
    except UnicodeDecodeError:
        raise Failure(f"{file.name} is not text in UTF-8.", MISUSED) from None
    except PollFileError as error:
        raise Failure(str(error), MISUSED) from None


def _run_action(poll: str, action: str, **body: object) -> None:
    target = target_of_flags()
    after = run_client(lambda client: client.act(poll, action, **body), target)
    target.print_result(after, _summary(after))


def _summary(poll: Document) -> str:
    return f"{poll['id']} is {describe_window(poll)}."


async def _poll_and_results(client: Client, poll: str, target: Target) -> tuple[Document, Document]:
    """Read the poll and its results, as an operator if there is a key, else as the public."""
    if target.key is None:
        return await client.poll(poll), await client.results(poll)
    return await client.poll_for_operators(poll), await client.results_for_operators(poll)


def _vote_summary(answer: Document) -> str:
    choice = answer.get("choice")
    named = ", ".join(choice) if isinstance(choice, list) else choice
    if isinstance(choice, dict):
        named = ", ".join(f"{outcome} {probability:.1%}" for outcome, probability in choice.items())
    about = "" if named is None else f" ({named})"
    return f"{str(answer['status']).capitalize()}: your vote in {answer['poll']}{about}."


@contextmanager
def _showing(target: Target) -> Iterator[LiveView]:
    if target.as_json:
        yield JsonShow(click.echo)
    elif sys.stdout.isatty():
        with bar_show(Console()) as show:
            yield show
    else:
        yield LineShow(click.echo, lambda sentence: click.echo(sentence, err=True))


async def _follow(client: Client, poll_id: str, target: Target, show: LiveView, until_final: bool) -> None:
    poll, _ = await _poll_and_results(client, poll_id, target)
    async with aclosing(client.watch(poll_id, on_lost=show.lost)) as frames:
        async for results in frames:
            if not options_match(poll, results):
                poll, _ = await _poll_and_results(client, poll_id, target)  # options were added or renamed
            show.results(poll, results)
            if until_final and results["final"]:
                return
