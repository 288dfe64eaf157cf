"""Commands for the audit log of the service."""

from __future__ import annotations

import click

from pollwire.audit_chain import verify_chain
from pollwire.cli.context import REFUSED, Failure, connection_options, run_client, target_of_flags
from pollwire.cli.output import print_list
from pollwire.errors import Document


@click.group()
@connection_options
def audit() -> None:
    """Read and verify the audit log of the service (operators)."""


@audit.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Number of entries.")
@connection_options
def list_entries(limit: int) -> None:
    """List the audit log of the service, newest first: number, time, action, key, target."""
    target = target_of_flags()
    items, more = run_client(lambda client: client.service_audit(limit=limit), target)
    print_list(target, items, more, cells=_cells)


@audit.command()
@click.option("--trusted", multiple=True, metavar="HASH", help="Hash from a log or webhook that must occur.")
@connection_options
def verify(trusted: tuple[str, ...]) -> None:
    """Verify the hash chain of the audit log. The exit code is 1 if it is broken."""
    target = target_of_flags()
    items, _ = run_client(lambda client: client.service_audit(), target)
    result = verify_chain(reversed(items), trusted)
    if result.fault:
        raise Failure(result.fault, REFUSED)
    document: Document = {"first": result.first, "last": result.last, "head": result.head}
    target.print_result(
        document, f"Entries {result.first} to {result.last} are unchanged. The newest hash is {result.head}."
    )


def _cells(entry: Document) -> tuple[object, ...]:
    key = f"{entry['by']['name']} {entry['by']['id']}"
    return entry["n"], entry["at"], entry["act"], key, entry["target"]
