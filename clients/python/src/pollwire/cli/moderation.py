"""Commands that find suspicious votes (report) and remove many votes (purge) or one (erase)."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pollwire.cli.context import connection_options, run_client, target_of_flags
from pollwire.errors import Document
from pollwire.terminal.charts import minute_of, printable


@click.command()
@click.argument("poll")
@connection_options
def report(poll: str) -> None:
    """Report suspicious voting: bursts of votes and, if the poll stores tags, the busiest networks."""
    target = target_of_flags()
    answer = run_client(lambda client: client.report(poll), target)
    target.print_result(answer, *_lines(answer))


@click.command()
@click.argument("poll")
@click.option("--from", "since", help="Votes counted at this time or later, such as 2026-11-24T12:00:00Z.")
@click.option("--to", help="Votes counted before this time.")
@click.option("--tag", help="Votes of one network, by its tag in the report.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
def purge(poll: str, since: str | None, to: str | None, tag: str | None, yes: bool) -> None:
    """Permanently remove votes by time range, network, or both."""
    if (since is None) != (to is None) or (since is None and tag is None):
        raise click.UsageError("Give a time range (--from and --to), a network (--tag), or both.")
    target = target_of_flags()
    if not yes:
        filters = [f"counted from {since} to {to}"] if since is not None else []
        filters += [f"of the network {tag}"] if tag is not None else []
        question = f"Permanently remove all votes in {poll} {' and '.join(filters)}? This cannot be undone."
        click.confirm(printable(question), abort=True, err=True)
    answer = run_client(lambda client: client.purge(poll, since=since, to=to, tag=tag), target)
    target.print_result(answer, f"{answer['purged']} votes removed.")


@click.command()
@click.argument("poll")
@click.option(
    "--receipt", required=True, help="Receipt that the voter got with the vote."
)  # it may begin with a dash
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@connection_options
def erase(poll: str, receipt: str, yes: bool) -> None:
    """Erase one voter's vote, identified by a receipt, without a trace."""
    target = target_of_flags()
    if not yes:
        click.confirm(
            f"Erase the vote of this receipt in {printable(poll)}? This cannot be undone.",
            abort=True,
            err=True,
        )
    answer = run_client(lambda client: client.erase(poll, receipt), target)
    text = "Vote erased." if answer["erased"] else "This voter has no current vote; nothing was erased."
    target.print_result(answer, text)


def _lines(answer: Document) -> Iterator[str]:
    yield f"{answer['votes']:,} current votes; usually {answer['usual_per_minute']:g} per minute."
    for burst in answer["bursts"]:
        span = f"{minute_of(burst['from'])} to {minute_of(burst['to'])}"
        yield f"burst {span}: {burst['votes']:,} votes, {_choice(burst, 'share')}"
    for tag in answer["tags"] or ():
        share = f"{tag['votes']:,} votes ({tag['share']:.0%})"
        hurry = f"{tag['votes_in_minute']:,} of them at {minute_of(tag['busiest_minute'])}"
        yield f"network {tag['tag'] or 'unknown'}: {share}, {_choice(tag, 'choice_share')}, {hurry}"


def _choice(entry: Document, share: str) -> str:
    choice = entry["choice"]
    named = " ".join(choice) if isinstance(choice, list) else str(choice)
    return f"{entry[share]:.0%} for {named}, {entry['share_elsewhere']:.0%} elsewhere"
