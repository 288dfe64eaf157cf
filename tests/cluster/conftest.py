"""A cluster shared by all tests that do not damage it, and stores and services on it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from pollwire_server.store import Store, open_store

from tests.api.conftest import Service, serving
from tests.cluster.clusters import Cluster, a_cluster
from tests.cluster.crowd import until_ready


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Start three masters. Tests may move slots but must not kill a server."""
    with a_cluster() as servers:
        yield servers


@pytest.fixture
async def clustered(cluster: Cluster) -> AsyncIterator[Store]:
    """Open a store on the cluster, in a namespace of its own."""
    store = await open_store(cluster.url, namespace=f"c{secrets.token_hex(4)}")
    yield store
    await store.close()


@pytest.fixture
async def service(cluster: Cluster, clustered: Store) -> AsyncIterator[Service]:
    """Run a service on the cluster."""
    async with serving(clustered, cluster.url) as running:
        await until_ready(running)
        yield running
