"""Commands for webhooks, which send the events of polls to a URL."""

from __future__ import annotations

import click

from pollwire.cli.context import REFUSED, Failure, compact, connection_options, run_client, target_of_flags
from pollwire.cli.output import print_list
from pollwire.errors import Document


@click.group()
@connection_options
def webhooks() -> None:
    """Manage webhooks (operators)."""


@webhooks.command()
@click.argument("address", metavar="URL")
@click.option("--event", "events", multiple=True, help="Only this event, such as poll.closed (default: all).")
@click.option("--poll", "polls", multiple=True, help="Only this poll (default: all).")
@click.option(
    "--results",
    type=click.Choice(["public", "operators"]),
    default="public",
    show_default=True,
    help="Whose totals the site is sent.",
)
@connection_options
def create(address: str, events: tuple[str, ...], polls: tuple[str, ...], results: str) -> None:
    """Create a webhook for URL. The secret for checking its signatures is shown only once."""
    target = target_of_flags()
    made = run_client(
        lambda client: client.create_webhook(address, events=events, polls=polls, results=results), target
    )
    target.print_result(made, made["secret"])


@webhooks.command("list")
@connection_options
def list_webhooks() -> None:
    """List webhooks, newest first: id, status, URL."""
    target = target_of_flags()
    items = run_client(lambda client: client.webhooks(), target)
    print_list(
        target, items, None, cells=lambda webhook: (webhook["id"], _how_it_goes(webhook), webhook["url"])
    )


@webhooks.command()
@click.argument("webhook", metavar="ID")
@connection_options
def test(webhook: str) -> None:
    """Send a test event to a webhook."""
    target = target_of_flags()
    tried = run_client(lambda client: client.test_webhook(webhook), target)
    if not tried["delivered"]:
        if target.as_json:
            click.echo(compact(tried))
        raise Failure(f"The site did not take it: {tried['error']}.", REFUSED)
    target.print_result(tried, f"The site answered {tried['status']} after {tried['took_ms']} ms.")


@webhooks.command()
@click.argument("webhook", metavar="ID")
@connection_options
def enable(webhook: str) -> None:
    """Enable a disabled webhook."""
    target = target_of_flags()
    enabled = run_client(lambda client: client.enable_webhook(webhook), target)
    target.print_result(enabled, f"Webhook {webhook} enabled. Events from now on will be delivered.")


@webhooks.command()
@click.argument("webhook", metavar="ID")
@connection_options
def delete(webhook: str) -> None:
    """Delete a webhook."""
    target = target_of_flags()
    run_client(lambda client: client.delete_webhook(webhook), target)
    target.print_result({"deleted": webhook}, f"{webhook} is deleted.")


def _how_it_goes(webhook: Document) -> str:
    if webhook["status"] == "disabled":
        return f"given up: {webhook['disabled_reason']}"
    if webhook["failures"]:
        return f"failed {webhook['failures']} times, {webhook['waiting']} wait: {webhook['last_error']}"
    return "never told" if webhook["last_success_at"] is None else "well"
