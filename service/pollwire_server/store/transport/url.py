"""From a URL to servers: one, a Sentinel's master, or a cluster; timeouts and retries set once.

========================================================  =============================================
``redis://[user:password@]host[:port][/db]``              one server (``rediss://`` with TLS)
``unix:///path/to/socket``                                one server on a Unix socket
``redis+sentinel://[user:password@]host:port,.../service``  the master that these Sentinels name
``redis+cluster://[user:password@]host:port,...``         a cluster, found through any of these
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
"""Far above any call here (a batch of 1,000 takes some ms, a slow disk's fsync tens), and under the second in
which a vote is to be answered whatever happens."""

CONNECT_TIMEOUT_S: Final = REPLY_TIMEOUT_S
"""A store that is up accepts within milliseconds, across a continent within tens; but the loop that waits may
be held up meanwhile, and a shorter time would blame the store for it."""

MOST_CONNECTIONS: Final = 32
"""Calls in flight from one process; votes need two, the rest is for reads. More would queue in the store."""

_DEFAULT_PORT: Final = 6379
_DEFAULT_SENTINEL_PORT: Final = 26379


def servers_from_url(url: str) -> StoreServers:
    """The servers at a URL; nothing is connected yet. ``StoreUnfit`` says what is wrong with the URL."""
    try:
        return _servers_of(url)
    except (ValueError, TypeError) as error:
        raise UnsupportedStore(
            f"{without_password(url)!r} is not the URL of a store ({error}); write redis://, rediss://, "
            "unix://, redis+sentinel://host:port,host:port/service or redis+cluster://host:port,host:port."
        ) from None


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else url


def _servers_of(url: str) -> StoreServers:
    scheme = urlsplit(url).scheme
    if scheme == "redis+sentinel":
        return _behind_sentinels(url)
    if scheme == "redis+cluster":
        return _cluster(url)
    return SingleServer(Redis.from_url(url, **_settings()))


def _settings() -> dict[str, Any]:
    """The same for every connection.

    No retry by the client: a call that lost its reply may have run; whoever asked decides what then.
    RESP2 and no driver information: a new connection costs no round trip of its own.
    """
    return {
        "max_connections": MOST_CONNECTIONS,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": REPLY_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _behind_sentinels(url: str) -> SingleServer:
    credentials, hosts, path = _parts(url, _DEFAULT_SENTINEL_PORT)
    if not path:
        raise ValueError("it names no service after the hosts")
    sentinels = SentinelGroup(hosts, _settings())
    return SingleServer(sentinels.master(path, _settings() | credentials), beside=sentinels.aclose)


def _cluster(url: str) -> Cluster:
    credentials, hosts, _ = _parts(url, _DEFAULT_PORT)
    return Cluster(hosts, _settings() | credentials)


def _parts(url: str, default_port: int) -> tuple[dict[str, Any], list[tuple[str, int]], str]:
    """Credentials, hosts and the path of a URL with several hosts."""
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
