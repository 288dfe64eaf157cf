"""One worker process of the service, from its listener to its graceful shutdown.

- ``listeners``: listening sockets.
- ``uvicorn_server``: uvicorn as this service configures it.
- ``graceful_shutdown``: the order of events from the first signal to the end.
- ``worker``: the process around them, which ``pollwire up`` starts as ``python -m pollwire_server.server``.
"""

from pollwire_server.server.listeners import NOTSENT_LOWAT_BYTES, listener_url, open_listener
from pollwire_server.server.uvicorn_server import Server, create_server, running_service
from pollwire_server.server.worker import (
    EXIT_CONFIG,
    GC_THRESHOLD_OBJECTS,
    SHUTDOWN_ANNOUNCEMENT,
    encode_worker_config,
)

__all__ = [
    "EXIT_CONFIG",
    "GC_THRESHOLD_OBJECTS",
    "NOTSENT_LOWAT_BYTES",
    "SHUTDOWN_ANNOUNCEMENT",
    "Server",
    "create_server",
    "encode_worker_config",
    "listener_url",
    "open_listener",
    "running_service",
]
