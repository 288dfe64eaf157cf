"""Clients of store URLs: one server, a Sentinel service or a cluster, with common timeouts.

``domain/store_url.py`` parses the URL and lists its forms.
"""

from __future__ import annotations

import os
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from pollwire_server.domain.store_url import StoreUrl, parse_store_url
from pollwire_server.store.transport.cluster import Cluster
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.transport.sentinel import SentinelGroup
from pollwire_server.store.transport.single_server import SingleServer, StoreServers

REPLY_TIMEOUT_S: Final = 0.8
"""Far above any call here: a batch of 1,000 votes takes some ms, an fsync of a slow disk tens of ms. Below
the one second in which a vote must get a response."""

CONNECT_TIMEOUT_S: Final = REPLY_TIMEOUT_S
"""A running store accepts within milliseconds, across a continent within tens. But this process's event loop
can be
busy meanwhile, and a shorter timeout would blame the store for it."""

MAX_CONNECTIONS: Final = 32
"""Concurrent calls of one process. Votes need two, the rest is for reads. More would only queue in the
store."""

_FILE_OPTIONS: Final = {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
"""Checked at start: a connection attempt would report a missing file as an unreachable store."""


def servers_from_url(url: str) -> StoreServers:
    """Return the servers of a URL, not connected yet. Raises ``UnsupportedStore`` for an invalid URL."""
    try:
        parsed = parse_store_url(url)
    except ValueError as error:
        raise UnsupportedStore(f"The store's URL {error}.") from None
    if parsed.scheme.endswith("+cluster"):
        return Cluster(parsed.hosts, _settings(parsed))
    if parsed.scheme.endswith("+sentinel"):
        return _sentinel_master(parsed)
    if parsed.scheme == "unix":
        settings = _settings(parsed) | {"path": parsed.path, "db": parsed.db}
        pool = ConnectionPool(connection_class=UnixDomainSocketConnection, **settings)
        return SingleServer(Redis.from_pool(pool))
    ((host, port),) = parsed.hosts
    return SingleServer(Redis(host=host, port=port, db=parsed.db, **_settings(parsed)))


def _sentinel_master(url: StoreUrl) -> SingleServer:
    own_login = _common_settings() | _tls_settings(url) | url.sentinel
    sentinels = SentinelGroup(url.hosts, own_login)
    master = sentinels.master(url.path, _settings(url) | {"db": url.db})
    return SingleServer(master, close_also=sentinels.aclose)


def _settings(url: StoreUrl) -> dict[str, Any]:
    """Return the settings of every connection to the servers of the URL."""
    login = {"username": url.username, "password": url.password}
    return _common_settings() | _tls_settings(url) | {k: v for k, v in login.items() if v is not None}


def _tls_settings(url: StoreUrl) -> dict[str, Any]:
    if url.tls is None:
        return {}
    for option in _FILE_OPTIONS & url.tls.keys():
        if not os.access(url.tls[option], os.R_OK):
            raise UnsupportedStore(
                f"The store's URL has the option {option!r}, which names an unreadable file."
            )
    return {"ssl": True, **url.tls}


def _common_settings() -> dict[str, Any]:
    """Return the settings that are the same for every URL.

    The client does not retry: a call without a reply may have run, so the caller decides. RESP2 without
    driver information saves a round trip on each new connection.
    """
    return {
        "max_connections": MAX_CONNECTIONS,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": REPLY_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
