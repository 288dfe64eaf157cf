"""The service as a process: from its listener to its drain.

``listeners`` makes the sockets, ``serving`` is uvicorn as this service runs it,
``stopping`` its end in order or in a hurry, and ``worker`` the process around
them, which ``pollwire up`` starts as ``python -m service.server``.
"""

from pollwire_server.server.listeners import UNSENT_BYTES, address_of, listening
from pollwire_server.server.uvicorn_server import Server, create_server, running
from pollwire_server.server.worker import COLLECT_EVERY_OBJECTS, EXIT_UNFIT, handover

__all__ = [
    "COLLECT_EVERY_OBJECTS",
    "EXIT_UNFIT",
    "UNSENT_BYTES",
    "Server",
    "address_of",
    "create_server",
    "handover",
    "listening",
    "running",
]
