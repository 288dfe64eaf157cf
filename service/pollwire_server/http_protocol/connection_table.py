"""Open connections of one process by network, so that no network can take all of them.

Every connection is an open file, and a process has a limited number. Each network (IPv4 /24 or IPv6 /64) may
have a share of them. A network at its share gets a new connection in exchange for one of its own. If the
process is full, the network with the most connections gives one up. So a newcomer is served, and a network
that opens thousands of connections takes them from itself.

The connection to close is one that waits for its client, preferably the one that has waited longest. If there
is none, a stream is closed; its client reconnects. To keep this cheap, it is chosen from a sample of the
network's connections. Streams are closed at a limited rate, because each of their clients comes back.

The connections of a trusted proxy have no share: they belong to all of its clients. Clients on the service's
own machine have none either, unless the setting names a number.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import islice
from typing import Final, Protocol

from pollwire_server.auth.client_address import Peer
from pollwire_server.domain.rate_limit import RateLimit, acquire
from pollwire_server.http_protocol.fast_path import ConnectionRegistry, ServerConnection

RESERVED_FILES: Final = 256
"""Files reserved for the store, the pages, the log and other uses."""
SHARE_DIVISOR: Final = 8
"""A network may have an eighth of the connections, if no setting limits it."""
SAMPLE_SIZE: Final = 64
"""Connections among which the one to close is chosen."""
SCAN_INTERVAL_S: Final = 1.0
"""Time between two searches for the largest network. In between, only growth is tracked."""
STREAM_EVICTIONS_PER_S: Final = 20


class TrackedConnection(ServerConnection, Protocol):
    """A connection that can be closed for a newcomer."""

    def idle_since(self) -> float | None:
        """Return the time (s, monotonic) since which the server waits for the client, or None."""

    def is_stream(self) -> bool:
        """Return True if the connection is a stream, or a response that has started."""

    def evict(self) -> None:
        """Close the connection, because another one needs its place."""


class NetworkConnections:
    """The connections of one network. Implements ``ConnectionRegistry``."""

    __slots__ = ("_all", "_members", "_table", "network", "share")

    def __init__(
        self, table: ConnectionTable, network: bytes, share: int | None, all_connections: ConnectionRegistry
    ) -> None:
        self.network = network
        self.share = share
        self._table = table
        self._all = all_connections
        self._members: dict[TrackedConnection, None] = {}

    def __len__(self) -> int:
        return len(self._members)

    def add(self, connection: TrackedConnection) -> None:
        """Register an open connection."""
        self._all.add(connection)
        if connection not in self._members:
            self._members[connection] = None
            self._table.grown(self)

    def discard(self, connection: TrackedConnection) -> None:
        """Remove a connection that has ended or switched protocols. Unknown connections are ignored."""
        self._all.discard(connection)
        if connection in self._members:
            del self._members[connection]
            self._table.shrunk(self)

    def evict_one(self, allow_stream: Callable[[], bool]) -> bool:
        """Close one connection. Return False if all are busy, or ``allow_stream`` forbids the only choice."""
        members = self._members
        idlest, idlest_since, stream = None, float("inf"), None
        for connection in tuple(islice(members, SAMPLE_SIZE)):
            del members[connection]  # to the end, so that the next sample has others
            members[connection] = None
            since = connection.idle_since()
            if since is not None and since < idlest_since:
                idlest, idlest_since = connection, since
            elif stream is None and since is None and connection.is_stream():
                stream = connection
        chosen = idlest
        if chosen is None and stream is not None and allow_stream():
            chosen = stream
        if chosen is None:
            return False
        del members[chosen]  # at once, although it is closed a little later
        self._table.shrunk(self)
        chosen.evict()
        return True


class ConnectionTable:
    """All open connections of one event loop.

    ``share``: connections of one network. None is the default share, 0 is no limit.
    """

    def __init__(
        self,
        limit: int = 1_000_000,
        share: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.share = max(1, limit // SHARE_DIVISOR) if share is None else share
        self._includes_loopback = bool(share)
        self._clock = clock
        self._count = 0
        self._networks: dict[tuple[bytes, int | None], NetworkConnections] = {}
        """By network and share: a trusted proxy and an ordinary client may be in one network."""
        self._largest: NetworkConnections | None = None
        self._scanned_s = float("-inf")
        self._stream_limit, self._stream_state_ms = RateLimit(STREAM_EVICTIONS_PER_S, 1), 0.0

    def __len__(self) -> int:
        return self._count

    def admit(self, peer: Peer, all_connections: ConnectionRegistry) -> NetworkConnections | None:
        """Return the network that a new connection belongs to, or None if it must be rejected.

        May close another connection. The caller adds the new one to the network.
        """
        network, share = peer.client.network, self._share_of(peer)
        connections = self._networks.get((network, share)) or NetworkConnections(
            self, network, share, all_connections
        )
        if connections.share is not None and len(connections) >= connections.share:
            return connections if connections.evict_one(self._allow_stream) else None
        if self._count >= self.limit and not self._payer(connections).evict_one(self._allow_stream):
            return None
        return connections

    def grown(self, network: NetworkConnections) -> None:
        """Count a connection of the network."""
        self._count += 1
        if len(network) == 1:
            self._networks[network.network, network.share] = network
        if self._largest is None or len(network) > len(self._largest):
            self._largest = network

    def shrunk(self, network: NetworkConnections) -> None:
        """Count the end of a connection of the network."""
        self._count -= 1
        if not len(network):
            self._networks.pop((network.network, network.share), None)

    def _share_of(self, peer: Peer) -> int | None:
        is_exempt = peer.is_trusted or not peer.client.address
        if is_exempt or (peer.client.is_loopback and not self._includes_loopback):
            return None
        return self.share or None

    def _payer(self, newcomer: NetworkConnections) -> NetworkConnections:
        """Return the network that gives up a connection: the largest, or the newcomer's if it is as large."""
        now = self._clock()
        if now - self._scanned_s >= SCAN_INTERVAL_S:
            self._scanned_s = now
            self._largest = max(self._networks.values(), key=len, default=newcomer)
        largest = self._largest or newcomer
        return largest if len(largest) > len(newcomer) else newcomer

    def _allow_stream(self) -> bool:
        now_ms = int(self._clock() * 1000)
        self._stream_state_ms, wait_ms = acquire(self._stream_limit, self._stream_state_ms, now_ms)
        return wait_ms == 0


def max_connections() -> int:
    """Return the number of connections for which this process has files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1_000_000 if files == resource.RLIM_INFINITY else max(files - RESERVED_FILES, files // 2)
