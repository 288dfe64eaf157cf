"""The listener that tells Prometheus the figures of all workers together.

Workers leave their figures in files of one folder, of which the client
library adds up those of every process; whoever is gone has its gauges taken
out, while its counts stay. The listener is a thread of the supervisor, which
has time, and it is apart from the service's own so that nobody finds it there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pollwire_server.supervisor.data_folder import CannotStart


class Metrics:
    """The figures of one run, listened for at ``host`` and ``port`` (0: the kernel chooses)."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._address = address
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Listen, with nothing left of an earlier run. Raises ``CannotStart``."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.folder))  # type: ignore[no-untyped-call]  # ships none here
        host, port = self._address
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise CannotStart(
                f"Cannot tell metrics on {host} port {port}: {error.strerror}; choose with POLLWIRE_METRICS."
            ) from None
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"

    def forget(self, pid: int) -> None:
        """A worker has ended: what it had open and waiting is no more."""
        mark_process_dead(pid, str(self.folder))  # type: ignore[no-untyped-call]  # as above

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
