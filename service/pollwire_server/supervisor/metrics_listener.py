"""HTTP listener that exposes the metrics of all workers to Prometheus.

Each worker writes its metrics to files in one folder, and the client library sums them up. The gauges of an
exited worker are removed, and its counters stay. The listener runs in a thread of the supervisor, which is
mostly idle. It has an address of its own, so that the metrics are not reachable through the public one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pollwire_server.supervisor.data_folder import CannotStart


class MetricsListener:
    """Listener for the metrics of one run, at ``(host, port)``. Port 0 selects a free port."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._address = address
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Delete the metrics of an earlier run and start to listen. Raises ``CannotStart``."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.folder))  # type: ignore[no-untyped-call]  # the library has no types here
        host, port = self._address
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise CannotStart(
                f"Cannot serve metrics on {host} port {port}: {error.strerror}. "
                "Choose another address with POLLWIRE_METRICS."
            ) from None
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"

    def remove_worker(self, pid: int) -> None:
        """Remove the gauges of an exited worker, such as its open connections."""
        mark_process_dead(pid, str(self.folder))  # type: ignore[no-untyped-call]  # as above

    def stop(self) -> None:
        """Stop to listen."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
