"""Store URLs: the only parser, with every scheme, part and option that the service understands.

===============================================================  ==========================================
``redis://[user:password@]host[:port][/db]``                     one server (``rediss://`` with TLS)
``unix://[user:password@]/path/to/socket``                       one server on a Unix socket
``redis+sentinel://[user:password@]host[:port],.../service[/db]``  the master of a Sentinel service
``redis+cluster://[user:password@]host[:port],...``              a cluster, discovered through any of these
===============================================================  ==========================================

``rediss+sentinel://`` and ``rediss+cluster://`` use TLS for all connections. ``OPTIONS`` lists the options of
the query. Everything else is rejected: an option that is ignored could be one that the operator relies on.
No error message contains a value, because values can be passwords.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

_DEFAULT_PORT: Final = 6379
_DEFAULT_SENTINEL_PORT: Final = 26379
_MAX_DB: Final = 2**31 - 1


class StoreUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed store URL."""

    scheme: str
    hosts: tuple[tuple[str, int], ...] = ()
    """Host and port of servers, or of Sentinels; empty for a Unix socket."""
    path: str = ""
    """Path of the Unix socket, or name of the Sentinel service."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: Mapping[str, Any] | None = None
    """Options of TLS by their name; None for plain connections."""
    sentinel: dict[str, Any] = {}
    """Login of the Sentinels: ``username`` and ``password``."""


def _flag(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("must be true or false")
    return value.lower() in ("true", "1", "yes")


def _number_of_db(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) > _MAX_DB:
        raise ValueError("must be the number of a database")
    return int(value)


def _text(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return value

    return parse


def _tls_version(value: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[_one_of("TLSv1_2", "TLSv1_3")(value.replace(".", "_"))]


_TLS_OPTIONS: Final[dict[str, Callable[[str], Any]]] = {
    "ssl_ca_certs": _text,
    "ssl_ca_path": _text,
    "ssl_certfile": _text,
    "ssl_keyfile": _text,
    "ssl_password": _text,
    "ssl_cert_reqs": _one_of("required", "optional", "none"),
    "ssl_check_hostname": _flag,
    "ssl_min_version": _tls_version,
}
_SENTINEL_OPTIONS: Final[dict[str, Callable[[str], Any]]] = {
    "sentinel_username": _text,
    "sentinel_password": _text,
}
_DB: Final[dict[str, Callable[[str], Any]]] = {"db": _number_of_db}

OPTIONS: Final[Mapping[str, Mapping[str, Callable[[str], Any]]]] = {
    "redis": _DB,
    "rediss": _DB | _TLS_OPTIONS,
    "unix": _DB,
    "redis+sentinel": _DB | _SENTINEL_OPTIONS,
    "rediss+sentinel": _DB | _SENTINEL_OPTIONS | _TLS_OPTIONS,
    "redis+cluster": {},
    "rediss+cluster": _TLS_OPTIONS,
}
"""The known options of each scheme, and their parsers."""

SCHEMES: Final = tuple(f"{scheme}://" for scheme in OPTIONS)


def without_password(url: str) -> str:
    """Return the URL with its credentials masked, also those in options."""
    shown, question, query = url.partition("?")
    scheme, _, rest = shown.partition("://")
    _, at, after = _split_login(scheme, rest)
    shown = f"{scheme}://***@{after}" if at else shown
    names = [part.partition("=")[0] for part in query.split("&")]
    return shown + (question + "&".join(f"{name}=***" for name in names) if question else "")


def _split_login(scheme: str, rest: str) -> tuple[str, str, str]:
    """Split the login from the rest. A password may contain @ and /, except in the URL of a Unix socket."""
    if scheme != "unix":
        return rest.rpartition("@")
    authority, slash, path = rest.partition("/")
    login, at, after = authority.rpartition("@")
    return login, at, after + slash + path


def parse_store_url(url: str) -> StoreUrl:
    """Parse a store URL. Raises ``ValueError`` with the rest of a sentence that begins with its name."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in OPTIONS:
        raise ValueError(f"must be an address that begins with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}")
    if "#" in rest:
        raise ValueError("must not contain #; write it as %23 in a password")
    rest, _, query = rest.partition("?")
    options = _options(scheme, query)
    login, _, after = _split_login(scheme, rest)
    authority, _, path = after.partition("/")
    username, password = _login(login)
    shared: dict[str, Any] = {
        "scheme": scheme,
        "username": username,
        "password": password,
        "tls": _tls_of(scheme, options),
        "sentinel": {
            name.removeprefix("sentinel_"): options[name] for name in _SENTINEL_OPTIONS if name in options
        },
    }
    if scheme == "unix":
        if authority or not path:
            raise ValueError("must have the whole path of a socket, such as unix:///run/valkey.sock")
        return StoreUrl(**shared, path=f"/{unquote(path)}", db=options.get("db", 0))
    kind = scheme.partition("+")[2]
    hosts = _hosts(authority, _DEFAULT_SENTINEL_PORT if kind == "sentinel" else _DEFAULT_PORT)
    if kind == "cluster":
        if path:
            raise ValueError("must not have a path: a cluster has no databases")
        return StoreUrl(**shared, hosts=hosts)
    if kind == "sentinel":
        service, _, db = path.partition("/")
        if not service:
            raise ValueError("must name the service after the hosts, such as redis+sentinel://host/service")
        return StoreUrl(**shared, hosts=hosts, path=unquote(service), db=_db(db, options))
    if len(hosts) != 1:
        raise ValueError("must have one host; use redis+sentinel:// or redis+cluster:// for more")
    return StoreUrl(**shared, hosts=hosts, db=_db(path, options))


def _options(scheme: str, query: str) -> dict[str, Any]:
    known, options = OPTIONS[scheme], dict[str, Any]()
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = unquote(name)
        if name not in known:
            names = ", ".join(known) or "none"
            raise ValueError(
                f"has the option {name[:40]!r}, which {scheme}:// does not know (known: {names})"
            )
        if name in options:
            raise ValueError(f"has the option {name!r} twice")
        try:
            options[name] = known[name](unquote(value))
        except ValueError as error:
            raise ValueError(f"has the option {name!r}, which {error}") from None
    if "sentinel_username" in options and "sentinel_password" not in options:
        raise ValueError("has the option 'sentinel_username' without 'sentinel_password'")
    return options


def _tls_of(scheme: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    if not scheme.startswith("rediss"):
        return None
    tls = {name: value for name, value in options.items() if name in _TLS_OPTIONS}
    if tls.get("ssl_cert_reqs") == "none":
        if tls.get("ssl_check_hostname"):
            raise ValueError("has 'ssl_check_hostname', which needs a certificate ('ssl_cert_reqs')")
        tls["ssl_check_hostname"] = False
    if "ssl_keyfile" in tls and "ssl_certfile" not in tls:
        raise ValueError("has the option 'ssl_keyfile' without 'ssl_certfile'")
    return tls


def _login(text: str) -> tuple[str | None, str | None]:
    username, _, password = text.partition(":")
    if username and not password:
        raise ValueError("has a user name without a password (user:password@host)")
    return unquote(username) or None, unquote(password) or None


def _db(path: str, options: Mapping[str, Any]) -> int:
    path = path.removesuffix("/")
    if not path:
        return int(options.get("db", 0))
    if "db" in options:
        raise ValueError("names the database twice: in the path and in the option 'db'")
    try:
        return _number_of_db(path)
    except ValueError:
        raise ValueError("has a path that is not the number of a database") from None


def _hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_host(item, default_port) for item in text.split(","))


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a host or a port that is not valid") from None
    if not host or not re.fullmatch(r"[A-Za-z0-9._:%-]+", host):
        raise ValueError("has no valid host, or lacks one between two commas")
    if port == 0 or (port is None and text.endswith(":")):
        raise ValueError("has a host without a valid port")
    return host, port or default_port
