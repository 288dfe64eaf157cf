"""Clients of store URLs: one server, a Sentinel service or a cluster, with common timeouts.

``domain/store_url.py`` parses the URL and lists its forms.
"""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Connection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from pollwire_server.domain.store_url import StoreUrl, parse_store_url
from pollwire_server.store.transport.cluster import Cluster
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.transport.sentinel import SentinelGroup
from pollwire_server.store.transport.single_server import SingleServer, StoreServers, create_client
from pollwire_server.store.transport.tls import (
    SentinelManagedTlsConnection,
    TlsConnection,
    create_tls_context,
)

REPLY_TIMEOUT_S: Final = 0.8
"""Time for a reply, and for a connection. Far above any call here: a batch of 1,000 votes takes some ms, an
fsync of a slow disk tens of ms. Below the one second in which a vote must get a response.

A running store accepts within milliseconds, across a continent within tens. But this process's event loop can
be busy meanwhile, and a shorter timeout would blame the store for it."""

MAX_CONNECTIONS: Final = 32
"""Concurrent calls of one process. Votes need two, the rest is for reads. More would only queue in the
store."""


def servers_from_url(url: str, reply_timeout_s: float = REPLY_TIMEOUT_S) -> StoreServers:
    """Return the servers of a URL, not connected yet. Raises ``UnsupportedStore`` for an invalid URL.

    ``reply_timeout_s`` applies to connecting and to each reply.
    """
    try:
        parsed = parse_store_url(url)
        settings = _settings(parsed, reply_timeout_s)
    except ValueError as error:
        raise UnsupportedStore(f"The store's URL {error}.") from None
    if parsed.scheme.endswith("+cluster"):
        return Cluster(parsed.hosts, settings | _login(parsed))
    if parsed.scheme.endswith("+sentinel"):
        return _sentinel_master(parsed, settings)
    settings |= _login(parsed) | {"db": parsed.db}
    if parsed.scheme == "unix":
        settings |= {"connection_class": UnixDomainSocketConnection, "path": parsed.path}
        return SingleServer(create_client(settings))
    ((host, port),) = parsed.hosts
    return SingleServer(create_client(settings | {"host": host, "port": port}))


def _sentinel_master(url: StoreUrl, settings: dict[str, Any]) -> SingleServer:
    sentinels = SentinelGroup(url.hosts, settings | url.sentinel)
    managed = SentinelManagedConnection if url.tls is None else SentinelManagedTlsConnection
    own_settings = settings | _login(url) | {"db": url.db, "connection_class": managed}
    return SingleServer(sentinels.master(url.path, own_settings), close_also=sentinels.aclose)


def _login(url: StoreUrl) -> dict[str, str]:
    """Return the login of the servers of the URL. The Sentinels have one of their own."""
    login = {"username": url.username, "password": url.password}
    return {name: value for name, value in login.items() if value is not None}


def _settings(url: StoreUrl, reply_timeout_s: float) -> dict[str, Any]:
    """Return the settings of every connection, without login. Raises ``ValueError`` for TLS options."""
    common = _common_settings(reply_timeout_s)
    if url.tls is None:
        return common | {"connection_class": Connection}
    return common | {"connection_class": TlsConnection, "tls": create_tls_context(url.tls)}


def _common_settings(reply_timeout_s: float) -> dict[str, Any]:
    """Return the settings that are the same for every URL.

    The client does not retry: a call without a reply may have run, so the caller decides. RESP2 without
    driver information saves a round trip on each new connection.
    """
    return {
        "max_connections": MAX_CONNECTIONS,
        "socket_connect_timeout": reply_timeout_s,
        "socket_timeout": reply_timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
