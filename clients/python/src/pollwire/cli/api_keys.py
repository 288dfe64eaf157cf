"""Commands that create, list and revoke API keys."""

from __future__ import annotations

import click

from pollwire.cli.context import connection_options, run_client, target_of_flags
from pollwire.cli.output import print_list
from pollwire.errors import Document


@click.group()
@connection_options
def keys() -> None:
    """Manage API keys (operators)."""


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do, such as polls:read.")
@click.option("--poll", "polls", multiple=True, help="Poll that it may use, or a prefix such as 'lunch-*'.")
@click.option("--series", multiple=True, help="Series of polls that it may use.")
@click.option(
    "--expires", "expires_at", metavar="TIME", help="When it expires, such as 2027-01-31T12:00:00Z."
)
@connection_options
def create(
    name: str,
    scopes: tuple[str, ...],
    polls: tuple[str, ...],
    series: tuple[str, ...],
    expires_at: str | None,
) -> None:
    """Create an API key called NAME. It is shown only once."""
    target = target_of_flags()
    made = run_client(
        lambda client: client.create_key(name, scopes, polls=polls, series=series, expires_at=expires_at),
        target,
    )
    target.print_result(made, made["key"])


@keys.command("list")
@connection_options
def list_keys() -> None:
    """List API keys, newest first: id, scopes, last use, name and limits."""
    target = target_of_flags()
    items = run_client(lambda client: client.keys(), target)
    print_list(target, items, None, cells=_cells)


@keys.command()
@click.argument("key_id", metavar="ID")
@connection_options
def revoke(key_id: str) -> None:
    """Revoke the API key with this ID, as shown by keys list."""
    target = target_of_flags()
    run_client(lambda client: client.revoke_key(key_id), target)
    target.print_result({"revoked": key_id}, f"{key_id} is revoked.")


def _cells(key: Document) -> tuple[object, ...]:
    limits = [*(key.get("polls") or ()), *(f"series {name}" for name in key.get("series") or ())]
    if key.get("expires_at"):
        limits.append(f"until {key['expires_at']}")
    cells = key["id"], ",".join(key["scopes"]), key["last_used_at"] or "never used", key["name"]
    return (*cells, ", ".join(limits)) if limits else cells
