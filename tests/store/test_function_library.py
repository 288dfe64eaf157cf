"""The library's names and versions, and the URLs of stores."""

from __future__ import annotations

from ssl import TLSVersion

import pytest
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.cluster import Cluster
from pollwire_server.store.transport.function_library import FunctionLibrary, UnsupportedStore
from pollwire_server.store.transport.url import (
    REPLY_TIMEOUT_S,
    servers_from_url,
)
from redis.asyncio import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool


def test_function_names_contain_library_version() -> None:
    library = FunctionLibrary()
    assert library.version == FunctionLibrary().version
    assert library.source.startswith(f"#!lua name=pollwire_{library.version}\n")
    assert library.name_of("cast_ballots") == f"pollwire_{library.version}_cast_ballots"


async def test_libraries_of_two_releases_coexist(store: Store) -> None:
    ours = store.connection.library
    theirs = ours.source.replace(ours.version, "0123456789ab")
    await store.connection.client.execute_command("FUNCTION LOAD", theirs)
    for version in (ours.version, "0123456789ab"):
        answer = await store.connection.client.execute_command("FCALL", f"pollwire_{version}_probe", 0)
        assert answer == b"ready"
    await store.connection.client.execute_command("FUNCTION DELETE", "pollwire_0123456789ab")


@pytest.mark.parametrize(
    ("info", "fits"), [("7.0.0", True), ("8.2.1", True), ("10.0.0", True), ("6.2.14", False), ("", False)]
)
async def test_old_server_version_is_rejected(info: str, fits: bool) -> None:
    library = FunctionLibrary()
    if fits:
        library.check_version(info)
    else:
        with pytest.raises(UnsupportedStore, match="needs Redis or Valkey 7"):
            library.check_version(info)


@pytest.mark.parametrize(
    "url", ["redis://host:6379/2", "rediss://user:secret@host", "unix:///run/store.sock"]
)
async def test_url_of_one_server_is_parsed(url: str) -> None:
    server = servers_from_url(url)
    settings = server.client.connection_pool.connection_kwargs
    assert settings["socket_connect_timeout"] == REPLY_TIMEOUT_S
    assert settings["socket_timeout"] == REPLY_TIMEOUT_S
    assert settings["retry"].get_retries() == 0
    assert not server.is_cluster


async def test_url_of_sentinels_is_parsed() -> None:
    pool = servers_from_url("redis+sentinel://u:p%40ss@one:26380,two/main").client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["password"]) == ("u", "p@ss")
    found = [peer.connection_pool.connection_kwargs for peer in pool.sentinel_manager.sentinels]
    assert [(kwargs["host"], kwargs["port"]) for kwargs in found] == [("one", 26380), ("two", 26379)]


async def test_url_of_cluster_is_parsed() -> None:
    cluster = servers_from_url("redis+cluster://:secret@one:7000,[::1]")
    assert isinstance(cluster, Cluster)
    assert cluster.seeds == [("one", 7000), ("::1", 6379)]
    assert cluster.settings["password"] == "secret"


async def test_url_with_tls_applies_to_servers_and_sentinels() -> None:
    for scheme in ("rediss+sentinel://one/main", "rediss+cluster://one", "rediss://one"):
        servers = servers_from_url(f"{scheme}?ssl_cert_reqs=none&ssl_min_version=TLSv1.3")
        client = servers._server(servers.seeds[0]).client if isinstance(servers, Cluster) else servers.client
        pools = [client.connection_pool]
        if isinstance(pools[0], SentinelConnectionPool):
            pools += [peer.connection_pool for peer in pools[0].sentinel_manager.sentinels]
        for pool in pools:
            connection = pool.make_connection()
            assert isinstance(connection, SSLConnection)
            assert connection.ssl_context.get().minimum_version is TLSVersion.TLSv1_3


async def test_sentinels_have_a_login_of_their_own() -> None:
    url = "redis+sentinel://:servers@one/main/3?sentinel_username=watch&sentinel_password=other"
    pool = servers_from_url(url).client.connection_pool
    (sentinel,) = pool.sentinel_manager.sentinels
    assert (pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("servers", 3)
    kwargs = sentinel.connection_pool.connection_kwargs
    assert (kwargs["username"], kwargs["password"]) == ("watch", "other")


async def test_invalid_store_url_raises_unsupported_store() -> None:
    with pytest.raises(UnsupportedStore, match=r"The store's URL has the option 'ssl_ca_cert'"):
        await open_store("rediss://host?ssl_ca_cert=x")
    with pytest.raises(UnsupportedStore, match=r"'ssl_ca_certs', which names an unreadable file"):
        await open_store("rediss+cluster://host?ssl_ca_certs=/nowhere")
