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
    help="Results to send: public ones only, or also hidden ones.",
)
@connection_options
def create(address: str, events: tuple[str, ...], polls: tuple[str, ...], results: str) -> None:
    """Create a webhook for URL. The secret for checking its signatures is shown only once."""
    target = target_of_flags()
    created = run_client(
        lambda client: client.create_webhook(address, events=events, polls=polls, results=results), target
    )
    target.print_result(created, created["secret"])


@webhooks.command("list")
@connection_options
def list_webhooks() -> None:
    """List webhooks, newest first: id, status, URL."""
    target = target_of_flags()
    items = run_client(lambda client: client.webhooks(), target)
    print_list(target, items, None, cells=lambda webhook: (webhook["id"], _status(webhook), webhook["url"]))


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
        raise Failure(f"Delivery failed: {tried['error']}.", REFUSED)
    target.print_result(tried, f"The endpoint answered {tried['status']} after {tried['took_ms']} ms.")


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
    target.print_result({"deleted": webhook}, f"Webhook {webhook} deleted.")


def _status(webhook: Document) -> str:
    if webhook["status"] == "disabled":
        return f"disabled: {webhook['disabled_reason']}"
    if webhook["failures"]:
        return f"failed {webhook['failures']} times, {webhook['waiting']} pending: {webhook['last_error']}"
    return "no deliveries" if webhook["last_success_at"] is None else "active"
