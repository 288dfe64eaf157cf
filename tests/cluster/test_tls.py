"""TLS to Sentinels, to the master that they name, and to every server of a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pollwire_server.store import open_store
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.cluster.clusters import a_cluster
from tests.cluster.nodes import HOST, Node, running, until_true
from tests.cluster.sentinel_setup import SERVICE, Sentinel
from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made
from tests.tls_relay import Authority, TlsRelay, tls_relay

POLLS = 12
"""Polls on random slots. All on one of three masters: once in 177,000 runs."""


@pytest.fixture
def relay() -> Iterator[TlsRelay]:
    with tls_relay() as relay:
        yield relay


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_sentinels_and_their_master_are_reached_by_tls(relay: TlsRelay, authority: Authority) -> None:
    certificate = authority.issue("server", HOST)
    with running(Node) as master, running(lambda folder: Sentinel(folder, master)) as sentinel:
        master_port = relay.listen((HOST, master.port), certificate)
        sentinel_port = relay.listen((HOST, sentinel.port), certificate)
        sentinel.command("SENTINEL REMOVE", SERVICE)
        sentinel.command("SENTINEL MONITOR", SERVICE, HOST, master_port, 1)
        sentinel.command("ACL", "SETUSER", "default", "on", "resetpass", ">s3cret")
        url = f"rediss+sentinel://{HOST}:{sentinel_port}/{SERVICE}?ssl_ca_certs={authority.path}"
        store = await open_store(f"{url}&sentinel_password=s3cret")
        assert store.connection.is_up
        assert await cast(store, await made(store), BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        await store.close()
        assert relay.handshakes[master_port]
        assert relay.handshakes[sentinel_port]
        with pytest.raises(UnsupportedStore, match="Add sentinel_password"):
            await open_store(url)


async def test_reason_why_no_master_is_known_is_exact(relay: TlsRelay, authority: Authority) -> None:
    with running(Node) as master, running(lambda folder: Sentinel(folder, master)) as sentinel:
        port = relay.listen((HOST, sentinel.port), authority.issue("server", "sentinel.example"))
        for url, reason in (
            (
                f"rediss+sentinel://{HOST}:{port}/{SERVICE}?ssl_ca_certs={authority.path}",
                "IP address mismatch",
            ),
            (f"redis+sentinel://{HOST}:1/{SERVICE}", "a Sentinel does not reply: .*Connect call failed"),
            (
                f"redis+sentinel://{HOST}:1,{sentinel.address}/others",
                "no Sentinel names a master for 'others'",
            ),
        ):
            store = await open_store(url)
            assert not store.connection.is_up
            assert re.search(reason, store.connection.last_error or ""), store.connection.last_error
            await store.close()


async def test_every_server_of_a_cluster_is_reached_by_tls(relay: TlsRelay, authority: Authority) -> None:
    certificate = authority.issue("server", HOST)
    with a_cluster() as cluster:
        ports = [relay.listen((HOST, member.port), certificate) for member in cluster.members]
        for member, port in zip(cluster.members, ports, strict=True):
            member.command("CONFIG SET", "cluster-announce-port", port)

        def announced() -> bool:
            views = [member.command("CLUSTER SLOTS") for member in cluster.members]
            return all({owner[1] for _, _, owner, *_ in view} == set(ports) for view in views)

        until_true(announced)
        options = f"ssl_ca_certs={authority.path}"
        store = await open_store(f"rediss+cluster://{HOST}:{ports[0]}?{options}")
        for _ in range(POLLS):
            assert await cast(store, await made(store), BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        assert all(relay.handshakes[port] for port in ports)
        await store.close()
        refused = await open_store(f"rediss+cluster://{HOST}:{ports[0]}")
        assert refused.connection.last_error is not None
        assert "certificate is rejected" in refused.connection.last_error
        await refused.close()
