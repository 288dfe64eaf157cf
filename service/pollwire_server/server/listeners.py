"""Listening sockets: how many may wait at one, and how much the kernel may hold for each reader."""

from __future__ import annotations

import socket
from typing import Final

BACKLOG: Final = 2048
"""Connections the kernel may hold until we accept them; a crowd joins within one round trip."""
UNSENT_BYTES: Final = 16 * 1024
"""What the kernel may hold for a reader beyond what is on its way. More would only be old totals: what waits
here instead is replaced by newer ones, and the newest goes out when there is room."""


def listening(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; ``shared`` (SO_REUSEPORT) lets others listen beside it. Raises ``OSError``."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux hands it on to accepted sockets
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """``http://host:port`` under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
