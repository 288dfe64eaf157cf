"""Connections by network: shares, and the choice of the connection that is closed for a newcomer."""

from __future__ import annotations

import pytest
from pollwire_server.auth.client_address import ClientAddress, Peer
from pollwire_server.http_protocol.connection_table import (
    SAMPLE_SIZE,
    STREAM_EVICTIONS_PER_S,
    ConnectionTable,
    NetworkConnections,
)

ATTACKER = Peer(ClientAddress(b"\xc0\x00\x02\x01"), False)
VISITOR = Peer(ClientAddress(b"\xc6\x33\x64\x01"), False)


class Connection:
    """Connection that records its end."""

    def __init__(self, idle_since: float | None = None, *, stream: bool = False) -> None:
        self.since = idle_since
        self.stream = stream
        self.is_evicted = False

    def idle_since(self) -> float | None:
        return self.since

    def is_stream(self) -> bool:
        return self.stream

    def evict(self) -> None:
        self.is_evicted = True

    def shutdown(self) -> None: ...


class Network:
    """Server with a table, and a clock that the test moves."""

    def __init__(self, limit: int, share: int | None = None) -> None:
        self.now = 100.0
        self.table = ConnectionTable(limit, share, lambda: self.now)
        self.all: set[object] = set()

    def open(self, peer: Peer, connection: Connection | None = None) -> NetworkConnections | None:
        network = self.table.admit(peer, self.all)
        if network is not None:
            network.add(connection or Connection(self.now))
        return network


def test_network_may_have_an_eighth_by_default() -> None:
    server = Network(80)
    connections = [Connection() for _ in range(10)]
    assert all(server.open(ATTACKER, connection) for connection in connections)
    assert server.open(ATTACKER) is None
    assert server.open(VISITOR) is not None


@pytest.mark.parametrize(
    "peer",
    [
        Peer(ClientAddress(b"\x0a\x00\x00\x01"), True),
        Peer(ClientAddress(), False),
        Peer(ClientAddress(b"\x7f\x00\x00\x01", is_loopback=True), False),
    ],
    ids=["trusted proxy", "unknown", "loopback"],
)
def test_peer_that_is_not_one_client_has_no_share(peer: Peer) -> None:
    server = Network(80)
    assert all(server.open(peer, Connection()) for _ in range(80))


def test_proxy_and_client_of_one_network_have_separate_shares() -> None:
    server = Network(80)
    proxy = Peer(ClientAddress(b"\x0a\x00\x00\x01"), True)
    neighbour = Peer(ClientAddress(b"\x0a\x00\x00\x02"), False)
    assert all(server.open(neighbour, Connection()) for _ in range(10))
    assert server.open(neighbour) is None
    assert all(server.open(proxy, Connection()) for _ in range(70))


def test_set_share_applies_to_loopback_and_0_disables_it() -> None:
    loopback = Peer(ClientAddress(b"\x7f\x00\x00\x01", is_loopback=True), False)
    assert [Network(80, 1).open(loopback) is None for _ in range(2)] == [False, False]
    server = Network(80, 1)
    server.open(loopback, Connection())
    assert server.open(loopback) is None
    unlimited = Network(80, 0)
    assert all(unlimited.open(ATTACKER, Connection()) for _ in range(80))


def test_longest_idle_connection_of_largest_network_is_closed() -> None:
    server = Network(6, 0)
    idle = [Connection(since) for since in (5.0, 3.0, 4.0)]
    for connection in (*idle, Connection(), Connection()):
        server.open(ATTACKER, connection)
    visitor = Connection(1.0)
    server.open(VISITOR, visitor)
    for _ in range(2):
        assert server.open(VISITOR) is not None
    assert [connection.is_evicted for connection in idle] == [False, True, True]
    assert not visitor.is_evicted
    assert len(server.table) == 6


def test_busy_connections_are_not_closed() -> None:
    server = Network(3, 0)
    for _ in range(3):
        server.open(ATTACKER, Connection())
    assert server.open(VISITOR) is None


def test_streams_are_closed_at_a_limited_rate() -> None:
    server = Network(100, 0)
    streams = [Connection(stream=True) for _ in range(100)]
    for stream in streams:
        server.open(ATTACKER, stream)
    admitted = sum(server.open(VISITOR, Connection()) is not None for _ in range(30))
    assert admitted == sum(stream.is_evicted for stream in streams) == STREAM_EVICTIONS_PER_S
    server.now += 0.5
    assert server.open(VISITOR) is not None


def test_idle_connection_behind_many_busy_ones_is_found() -> None:
    server = Network(4 * SAMPLE_SIZE + 1, 0)
    for _ in range(4 * SAMPLE_SIZE):
        server.open(ATTACKER, Connection())
    server.open(ATTACKER, Connection(1.0))
    assert any(server.open(VISITOR) is not None for _ in range(5))


def test_ended_connections_leave_no_network_behind() -> None:
    server = Network(10)
    connection = Connection()
    network = server.open(ATTACKER, connection)
    assert network is not None
    for _ in range(2):
        network.discard(connection)
    assert (len(server.table), len(network), server.all) == (0, 0, set())
    assert server.table._networks == {}


def test_network_that_shrank_does_not_pay_for_a_larger_one() -> None:
    server = Network(8, 0)
    shrunk = [Connection(1.0) for _ in range(5)]
    network = None
    for connection in shrunk:
        network = server.open(ATTACKER, connection)
    assert network is not None
    larger = Peer(ClientAddress(b"\xcb\x00\x71\x01"), False)
    for _ in range(3):
        server.open(larger)
    for connection in shrunk[:3]:
        network.discard(connection)
    for _ in range(3):
        server.open(VISITOR)
    assert server.open(Peer(ClientAddress(b"\x01\x02\x03\x04"), False)) is not None
    assert not any(connection.is_evicted for connection in shrunk)
