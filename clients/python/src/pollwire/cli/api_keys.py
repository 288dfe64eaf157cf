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
@connection_options
def create(name: str, scopes: tuple[str, ...]) -> None:
    """Create an API key called NAME. It is shown only once."""
    target = target_of_flags()
    made = run_client(lambda client: client.create_key(name, scopes), target)
    target.print_result(made, made["key"])


@keys.command("list")
@connection_options
def list_keys() -> None:
    """List API keys, newest first: id, scopes, last use, name."""
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
    return key["id"], ",".join(key["scopes"]), key["last_used_at"] or "never used", key["name"]
