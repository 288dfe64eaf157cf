"""Supervisor of ``pollwire up``: starts and restarts the embedded store and the workers.

The supervisor serves no requests, so little can make it fail. It holds the lock of the data folder. It opens
one listener per worker and keeps all of them open. A worker that crashes is replaced on the same listener,
and the connections that wait there are not lost. A single shared listener would give a burst of connections
to whichever worker wakes first. Workers receive their configuration through a pipe that stays open as long as
this process runs.

No vote depends on the supervisor. If it is killed, the kernel ends the embedded store. The workers see the
end of their pipe and shut down. The next start finds all data on disk.
"""

from __future__ import annotations

import asyncio
import logging

from pollwire_server.settings import Settings
from pollwire_server.store.embedded.server import EmbeddedStoreError
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.supervisor.data_folder import CannotStart, DataFolder
from pollwire_server.supervisor.supervisor import Supervisor
from pollwire_server.telemetry import configure_logging, log_fatal_error

log = logging.getLogger("pollwire.supervisor")


def run_up(settings: Settings) -> int:
    """Run the service until it is asked to stop, and return the exit code of the process. Blocks."""
    configure_logging(settings)
    for warning in settings.warnings:
        log.warning("%s", warning)
    try:
        with DataFolder(settings) as folder:
            return asyncio.run(_run(folder.complete(settings), folder))
    except (CannotStart, EmbeddedStoreError, UnsupportedStore) as error:
        log_fatal_error(settings, str(error))
        return 1


async def _run(settings: Settings, folder: DataFolder) -> int:
    return await Supervisor(settings, folder).run()
