"""From a URL to a client: one server, a Sentinel's master, or a cluster; timeouts and retries set once.

========================================================  =============================================
``redis://[user:password@]host[:port][/db]``              one server (``rediss://`` with TLS)
``unix:///path/to/socket``                                one server on a Unix socket
``redis+sentinel://[user:password@]host:port,.../service``  the master that these Sentinels name
``redis+cluster://[user:password@]host:port,...``         a cluster, found through any of these
========================================================  =============================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from service.store.library import StoreUnfit

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


class Topology(NamedTuple):
    """A client, and how it is told to do something on every master."""

    client: Any  # Redis | RedisCluster: their common ground has no type of its own
    everywhere: Mapping[str, Any]
    is_cluster: bool


def topology_of(url: str) -> Topology:
    """The client for a URL; nothing is connected yet. ``StoreUnfit`` says what is wrong with the URL."""
    try:
        return _topology_of(url)
    except (ValueError, TypeError) as error:
        raise StoreUnfit(
            f"{without_password(url)!r} is not the URL of a store ({error}); write redis://, rediss://, "
            "unix://, redis+sentinel://host:port,host:port/service or redis+cluster://host:port,host:port."
        ) from None


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else url


def _topology_of(url: str) -> Topology:
    scheme = urlsplit(url).scheme
    if scheme == "redis+sentinel":
        return Topology(_sentinel_client(url), {}, False)
    if scheme == "redis+cluster":
        return Topology(_cluster_client(url), {"target_nodes": RedisCluster.PRIMARIES}, True)
    return Topology(Redis.from_url(url, max_connections=MOST_CONNECTIONS, **_settings()), {}, False)


def _settings() -> dict[str, Any]:
    """The same for every connection.

    No retry by the client: a call that lost its reply may have run; whoever asked decides what then.
    RESP2 and no driver information: a new connection costs no round trip of its own.
    """
    return {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": REPLY_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _sentinel_client(url: str) -> Any:
    credentials, hosts, path = _parts(url, _DEFAULT_SENTINEL_PORT)
    if not path:
        raise ValueError("it names no service after the hosts")
    make: Any = Sentinel  # its constructor has no types
    sentinel = make(hosts, sentinel_kwargs=_settings(), **_settings(), **credentials)
    return sentinel.master_for(path, max_connections=MOST_CONNECTIONS)


def _cluster_client(url: str) -> RedisCluster:
    credentials, hosts, _ = _parts(url, _DEFAULT_PORT)
    settings = {name: value for name, value in _settings().items() if name != "driver_info"}
    nodes = [ClusterNode(host, port) for host, port in hosts]
    return RedisCluster(startup_nodes=nodes, max_connections=MOST_CONNECTIONS, **settings, **credentials)


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
