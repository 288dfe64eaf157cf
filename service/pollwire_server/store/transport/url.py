"""Store URLs: create the client of one server, a Sentinel service or a cluster, with common timeouts.

========================================================  =============================================
``redis://[user:password@]host[:port][/db]``              one server (``rediss://`` with TLS)
``unix:///path/to/socket``                                one server on a Unix socket
``redis+sentinel://[user:password@]host:port,.../service``  the current master of a Sentinel service
``redis+cluster://[user:password@]host:port,...``         a cluster, discovered through any of these
========================================================  =============================================
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from pollwire_server.store.transport.cluster import Cluster
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.transport.sentinel import SentinelGroup
from pollwire_server.store.transport.single_server import SingleServer, StoreServers

REPLY_TIMEOUT_S: Final = 0.8
"""Far above any call here: a batch of 1,000 votes takes some ms, an fsync of a slow disk tens of ms. Below
the one
second in which a vote must get a response."""

CONNECT_TIMEOUT_S: Final = REPLY_TIMEOUT_S
"""A running store accepts within milliseconds, across a continent within tens. But this process's event loop
can be
busy meanwhile, and a shorter timeout would blame the store for it."""

MAX_CONNECTIONS: Final = 32
"""Concurrent calls of one process. Votes need two, the rest is for reads. More would only queue in the
store."""

_DEFAULT_PORT: Final = 6379
_DEFAULT_SENTINEL_PORT: Final = 26379


def servers_from_url(url: str) -> StoreServers:
    """Return the servers of a URL, not connected yet. Raises ``UnsupportedStore`` for an invalid URL."""
    try:
        return _parse_servers(url)
    except (ValueError, TypeError) as error:
        raise UnsupportedStore(
            f"{without_password(url)!r} is not a store URL ({error}). Use redis://, rediss://, "
            "unix://, redis+sentinel://host:port,host:port/service or redis+cluster://host:port,host:port."
        ) from None


def without_password(url: str) -> str:
    """Return the URL with its credentials masked."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else url


def _parse_servers(url: str) -> StoreServers:
    scheme = urlsplit(url).scheme
    if scheme == "redis+sentinel":
        return _sentinel_master(url)
    if scheme == "redis+cluster":
        return _cluster(url)
    return SingleServer(Redis.from_url(url, **_settings()))


def _settings() -> dict[str, Any]:
    """Return the settings of every connection.

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


def _sentinel_master(url: str) -> SingleServer:
    credentials, hosts, path = _parts(url, _DEFAULT_SENTINEL_PORT)
    if not path:
        raise ValueError("the service name after the hosts is missing")
    sentinels = SentinelGroup(hosts, _settings())
    return SingleServer(sentinels.master(path, _settings() | credentials), close_also=sentinels.aclose)


def _cluster(url: str) -> Cluster:
    credentials, hosts, _ = _parts(url, _DEFAULT_PORT)
    return Cluster(hosts, _settings() | credentials)


def _parts(url: str, default_port: int) -> tuple[dict[str, Any], list[tuple[str, int]], str]:
    """Split a URL with several hosts into credentials, hosts and path."""
    rest = url.partition("://")[2]
    authority, _, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    username, _, password = login.partition(":")
    credentials = {"username": unquote(username), "password": unquote(password)}
    return (
        {k: v for k, v in credentials.items() if v},
        [_host(h, default_port) for h in hosts.split(",")],
        path,
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, parts.port or default_port
