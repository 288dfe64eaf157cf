"""``pollwire up``: the private store, the listeners and the workers, and who is restarted when.

One process that serves nothing itself, so that it has little to die of. It
holds the data folder's lock, opens one listener per worker and keeps every
one of them open: a worker that dies is replaced on the same listener, and the
connections that wait there are not lost. (One listener shared by all would
hand a burst to whichever worker wakes first.) Workers are told their settings
through a pipe whose other end lives as long as this process.

Nothing here needs to run for a vote to count: when the supervisor is killed,
the kernel ends the private store, the workers see their pipe end and drain,
and the next start finds everything on disk.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from pollwire_server.settings import Settings
from pollwire_server.store.embedded.server import EmbeddedStoreError
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.supervisor.data_folder import CannotStart, DataFolder
from pollwire_server.supervisor.supervisor import Supervisor
from pollwire_server.telemetry import configure_logging

log = logging.getLogger("pollwire.supervisor")


def run_up(settings: Settings) -> int:
    """Run the service until it is told to stop; the process's exit code. Blocks."""
    configure_logging(settings)
    for warning in settings.warnings:
        log.warning("%s", warning)
    try:
        with DataFolder(settings) as folder:
            return asyncio.run(_run(folder.complete(settings), folder))
    except (CannotStart, EmbeddedStoreError, UnsupportedStore) as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201  # for whoever typed the command
        return 1


async def _run(settings: Settings, folder: DataFolder) -> int:
    return await Supervisor(settings, folder).run()
