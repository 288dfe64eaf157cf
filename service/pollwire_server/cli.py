"""The ``pollwire up`` command, which the client's command line loads through an entry point."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from pollwire.cli.context import MISUSED, Failure, data_option, flags

from pollwire_server.settings import Settings, SettingsError, read_settings


class _UpCommand(click.Command):
    """Command that reports its own misuse in the configured log format."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # Any: as click passes them
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            _exit_if_logs_are_json(error.format_message())
            raise


def _exit_if_logs_are_json(text: str) -> None:
    """Log the error and exit, if the configured log format is JSON. Otherwise return."""
    from pollwire_server.telemetry import log_fatal_error  # noqa: PLC0415  # late, as in ``up``

    if os.environ.get("POLLWIRE_LOG_FORMAT", "").strip().lower() == "json":
        log_fatal_error(Settings(log_format="json"), text)
        sys.exit(MISUSED)


@click.command(cls=_UpCommand)
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", metavar="PORT", help="Port to listen on; 0 selects a free one (default: 8000).")
@click.option("--workers", metavar="N", help="Number of worker processes (default: 1).")
@click.option(
    "--redis", "redis_url", metavar="URL", help="Use this Redis or Valkey instead of the embedded store."
)
@click.option("--demo", is_flag=True, help="Create the demo polls.")
@data_option
def up(host: str | None, port: str | None, workers: str | None, redis_url: str | None, demo: bool) -> None:
    """Start the service; Ctrl-C stops it."""
    # Imported late, because loading the server takes longer than casting a vote from the command line.
    from pollwire_server.supervisor import run_up  # noqa: PLC0415

    try:
        settings = read_settings(
            os.environ,
            host=host,
            port=port,
            workers=workers,
            redis_url=redis_url,
            demo=demo or None,
            data_dir=flags().get("data"),
        )
    except SettingsError as error:
        _exit_if_logs_are_json(str(error))
        raise Failure(str(error), MISUSED) from None
    sys.exit(run_up(settings))
