"""Listening sockets: their backlog and the amount of unsent data that the kernel buffers per client."""

from __future__ import annotations

import socket
from typing import Final

BACKLOG: Final = 2048
"""Connections that the kernel holds until they are accepted. Many clients may connect within one round
trip."""
NOTSENT_LOWAT_BYTES: Final = 16 * 1024
"""Unsent data per connection that the kernel accepts. A larger buffer would only hold outdated results.
Frames that wait in this process instead are replaced by newer ones, and the newest is sent when the socket is
writable."""


def open_listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a listening socket. Other sockets may listen on the same port if ``shared`` (SO_REUSEPORT).

    Raises ``OSError`` if the address is in use or unknown.
    """
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
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # accepted sockets inherit it on Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def listener_url(listener: socket.socket) -> str:
    """Return ``http://host:port``, with a host that this machine can reach."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
