"""Settings of the service: one frozen struct, and the only reader of the environment.

Every name has the prefix ``POLLWIRE_``. A secret can also be in a file that ``POLLWIRE_<NAME>_FILE`` names.
An empty value counts as absent, because compose files and shells leave empty values behind. Nothing is read
at import.

Contents, in this order: ``Settings`` and its encoding for worker processes, ``read_settings`` with its
checks, and one parser for each setting. A parser raises ``ValueError`` with the rest of a sentence that
starts with the name of the setting: "POLLWIRE_PORT must be a whole number from 0 to 65535".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from pollwire_server.domain.rate_limit import RateLimit, parse_rate_limit
from pollwire_server.domain.store_url import parse_store_url

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "decode_settings",
    "encode_settings",
    "read_settings",
]

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
ForwardedHeader = Literal["auto", "x-forwarded-for", "forwarded"]

MAX_DRAIN_S: Final = 600
"""Longer than any load balancer needs to notice that a node is not ready."""

SECRET_FIELDS: Final = frozenset({"redis_url", "secret", "admin_key"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the service. ``read_settings`` validates them; the constructor does not."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 selects a free port."""
    workers: int = 1
    data_dir: Path = Path(".pollwire")
    redis_url: str | None = None
    """None starts an embedded Valkey in ``data_dir``."""
    secret: str | None = None
    """``new,old``: the first secret signs, all of them verify."""
    admin_key: str | None = None
    public_url: str | None = None
    allowed_origins: tuple[str, ...] = ()
    stream_hz: float = 10.0
    """Maximum number of frames a second for one reader."""
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    drain_s: float = 0.0
    """Time at a shutdown in which ``/readyz`` answers 503 and all requests are still served."""
    metrics: tuple[str, int] | None = None
    """Host and port of the Prometheus listener. None disables it."""
    results_max_age_s: int = 0
    trusted_proxies: tuple[str, ...] | None = None
    """Addresses and networks of trusted proxies, ``unix``, or ``none``.

    None means that the setting is absent.
    """
    forwarded_header: ForwardedHeader = "auto"
    """The header in which the trusted proxies report the client's address."""
    limit_votes: RateLimit | None = RateLimit(30_000, 60)
    """Votes of one network on one poll. None disables the limit. Reasons: ``docs/operations/security.md``."""
    limit_voters: RateLimit | None = RateLimit(3_000, 60)
    """New voters of one network.

    Above the limit they must solve a challenge; without challenges they are rejected.
    """
    exempt_loopback: bool = False
    """True if clients on this machine are exempt from the limits of votes and voters."""
    limit_sockets: int | None = None
    """Open streams of one address on one worker. None disables the limit."""
    limit_connections: int | None = None
    """Open connections of one network on one worker.

    None means an eighth of all, but no limit for clients on this machine. 0 disables the limit.
    """
    challenges: bool = True
    retention_days: int | None = None
    """The service archives an ended poll after this number of days. None means never."""
    demo: bool = False
    jwks_loopback: bool = False
    """True if issuers on this machine may publish keys, and without https."""
    jwks_allow: tuple[str, ...] = ()
    """Hosts, addresses and networks outside the public internet that may publish keys."""
    webhook_allow: tuple[str, ...] = ()
    """Hosts, addresses and networks outside the public internet that webhooks may use."""
    webhook_speedup: float = 1.0
    """Divides the waiting times of webhooks, for tests. Not read from the environment."""
    namespace: str = "pw"
    """Prefix of every key in the store. Not read from the environment."""
    warnings: tuple[str, ...] = ()
    """Suspicious but accepted settings, one sentence each. Logged at start."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the signing secrets. The first one signs. Empty if none is set."""
        return split_list(self.secret or "")

    def __repr__(self) -> str:
        """Return the settings without the values of secrets, because they end up in logs and tracebacks."""
        shown = {
            name: "***" if name in SECRET_FIELDS and getattr(self, name) else getattr(self, name)
            for name in self.__struct_fields__
        }
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def split_list(text: str) -> tuple[str, ...]:
    """Split a list that is separated by commas or white space."""
    return tuple(item for item in re.split(r"[,\s]+", text) if item)


def encode_settings(settings: Settings) -> bytes:
    """Encode the settings as JSON for a worker process."""
    return msgspec.json.encode(settings, enc_hook=str)


def decode_settings(document: bytes) -> Settings:
    """Decode the output of ``encode_settings``."""
    return msgspec.json.decode(document, type=Settings, dec_hook=_decode_path)


def _decode_path(kind: type[Any], value: Any) -> Any:  # msgspec's hook: any type, any value
    if kind is Path or issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)


PREFIX: Final = "POLLWIRE_"
_KUBERNETES = re.compile(r"POLLWIRE_(SERVICE|PORT)_")
"""Kubernetes sets such variables in every pod if there is a Service called pollwire.

They are not settings.
"""
MIN_SECRET_LENGTH: Final = 16
"""Characters. A shorter secret is accepted with a warning."""


class SettingsError(Exception):
    """Raised for an invalid setting. The message is one sentence for the operator."""


def read_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Read the settings from ``environ``. ``overrides`` (by field, from the command line) win unless None.

    Raises ``SettingsError`` with one sentence that names the setting and never contains a secret.
    """
    values: dict[str, Any] = {}
    for name, (field, parse) in PARSERS.items():
        given = overrides.pop(field, None)
        if given is not None:
            values[field] = _parse(parse, _as_text(given), f"--{_option_of(field)}", field)
        elif (found := _text_of(environ, name, field)) is not None:
            values[field] = _parse(parse, found[1], found[0], field)
    values.update({field: value for field, value in overrides.items() if value is not None})
    settings = _with_exemptions(Settings(**values), given_fields=values.keys())
    return msgspec.structs.replace(settings, warnings=(*_unknown_names(environ), *_weak_secrets(settings)))


def _with_exemptions(settings: Settings, *, given_fields: Collection[str]) -> Settings:
    """Exempt clients on this machine if the operator asks for it. A demo exempts them from default limits."""
    limits = {
        name: msgspec.structs.replace(limit, spares_loopback=True)
        for name in ("limit_votes", "limit_voters")
        if (limit := getattr(settings, name)) is not None
        and (settings.exempt_loopback or (settings.demo and name not in given_fields))
    }
    return msgspec.structs.replace(settings, **limits)


def _as_text(given: Any) -> str:
    return " ".join(given) if isinstance(given, (tuple, list)) else str(given)


def _option_of(field: str) -> str:
    return {"data_dir": "data", "redis_url": "redis"}.get(field, field.replace("_", "-"))


def _text_of(environ: Mapping[str, str], name: str, field: str) -> tuple[str, str] | None:
    """Return the name of the variable that is set, and its text. None if neither variable is set."""
    full = PREFIX + name
    text = environ.get(full, "").strip()
    if name == "PORT" and text.startswith("tcp://"):
        return None  # set by Kubernetes: the address of a Service called pollwire
    if field not in SECRET_FIELDS:
        return (full, text) if text else None
    file_name = environ.get(f"{full}_FILE", "").strip()
    if text and file_name:
        raise SettingsError(f"{full} and {full}_FILE are both set. Set only one of them.")
    if file_name:
        return f"{full}_FILE", _content_of(file_name, f"{full}_FILE")
    return (full, text) if text else None


def _content_of(file_name: str, name: str) -> str:
    try:
        text = Path(file_name).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(f"{name} names {file_name}, which cannot be read: {reason}.") from None
    if not text:
        raise SettingsError(f"{name} names {file_name}, which is empty.")
    return text


def _parse(parse: Callable[[str], Any], text: str, name: str, field: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        value = "" if field in SECRET_FIELDS else f", not {text[:60]!r}"
        raise SettingsError(f"{name} {error}{value}.") from None


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name for name in PARSERS}
    known |= {f"{PREFIX}{name}_FILE" for name, (field, _) in PARSERS.items() if field in SECRET_FIELDS}
    return [
        f"{name} is not a setting of this version and has no effect."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES.match(name)
    ]


def _weak_secrets(settings: Settings) -> list[str]:
    secrets = [("POLLWIRE_SECRET", secret) for secret in settings.secrets]
    if settings.admin_key is not None:
        secrets.append(("POLLWIRE_ADMIN_KEY", settings.admin_key))
    return [
        f"{name} is shorter than {MIN_SECRET_LENGTH} characters and easy to guess."
        for name, secret in secrets
        if len(secret) < MIN_SECRET_LENGTH
    ]


_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?![0-9.]+\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def _stream_hz(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text) or not 0.1 <= float(text) <= 100:
        raise ValueError("must be a number of frames a second from 0.1 to 100")
    return float(text)


def _host(text: str) -> str:
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not re.fullmatch(r"[A-Za-z0-9.:%_-]{1,255}", host):
        raise ValueError("must be an address or a host name to listen on, without port or path")
    return host


def _data_dir(text: str) -> Path:
    return Path(text).expanduser()


def _redis_url(text: str) -> str:
    parse_store_url(text)
    return text


def _secret(text: str) -> str:
    if not split_list(text):
        raise ValueError("must not be blank")
    return text


def _origin(text: str) -> str:
    """Return an origin as browsers send it: lower case, no default port, no trailing slash (RFC 6454,
    6.2)."""
    match = _ORIGIN.fullmatch(text.lower())
    if not match or int(match["port"] or 0) > 65535:
        raise ValueError("must be an origin such as https://example.org, without a path")
    default_port = "443" if match["scheme"] == "https" else "80"
    port = "" if match["port"] in (None, default_port) else f":{match['port']}"
    return f"{match['scheme']}://{match['host']}{port}"


def _origins(text: str) -> tuple[str, ...]:
    origins = split_list(text)
    return ("*",) if "*" in origins else tuple(dict.fromkeys(_origin(item) for item in origins))


def _proxies(text: str) -> tuple[str, ...]:
    proxies = tuple(dict.fromkeys(split_list(text.lower())))
    for item in proxies:
        try:
            _ = item in ("unix", "none") or ip_network(item, strict=False)
        except ValueError:
            raise ValueError("must be a list of addresses or networks (10.0.0.0/8), unix, or none") from None
    return proxies


def _socket_limit(text: str) -> int | None:
    if text == "off":
        return None
    try:
        return _whole_number(1, 10_000_000)(text)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def _connection_limit(text: str) -> int:
    return _socket_limit(text) or 0


def _allow_list(text: str) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(split_list(text.lower())))
    for item in items:
        try:
            ip_network(item, strict=False)
        except ValueError:
            if not _HOST_NAME.fullmatch(item):
                raise ValueError("must be a list of hosts, addresses or networks (10.0.0.0/8)") from None
    return items


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _metrics(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9464")
    return _host(host), int(port)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return text

    return parse


def _drain_s(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or float(text) > MAX_DRAIN_S:
        raise ValueError(f"must be a number of seconds from 0 to {MAX_DRAIN_S}")
    return float(text)


PARSERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {  # Any: each field has a type of its own
    # name without prefix: (field, parser)
    "HOST": ("host", _host),
    "PORT": ("port", _whole_number(0, 65535)),
    "WORKERS": ("workers", _whole_number(1, 256)),
    "DATA_DIR": ("data_dir", _data_dir),
    "REDIS_URL": ("redis_url", _redis_url),
    "SECRET": ("secret", _secret),
    "ADMIN_KEY": ("admin_key", _secret),
    "PUBLIC_URL": ("public_url", _origin),
    "ALLOWED_ORIGINS": ("allowed_origins", _origins),
    "STREAM_HZ": ("stream_hz", _stream_hz),
    "JWKS_LOOPBACK": ("jwks_loopback", _switch),
    "JWKS_ALLOW": ("jwks_allow", _allow_list),
    "WEBHOOK_ALLOW": ("webhook_allow", _allow_list),
    "TRUSTED_PROXIES": ("trusted_proxies", _proxies),
    "FORWARDED_HEADER": ("forwarded_header", _one_of(*get_args(ForwardedHeader))),
    "EXEMPT_LOOPBACK": ("exempt_loopback", _switch),
    "LIMIT_VOTES": ("limit_votes", parse_rate_limit),
    "LIMIT_VOTERS": ("limit_voters", parse_rate_limit),
    "LIMIT_CONNECTIONS": ("limit_connections", _connection_limit),
    "LIMIT_SOCKETS": ("limit_sockets", _socket_limit),
    "RETENTION_DAYS": ("retention_days", _whole_number(1, 36_500)),
    "CHALLENGES": ("challenges", _switch),
    "METRICS": ("metrics", _metrics),
    "LOG_FORMAT": ("log_format", _one_of(*get_args(LogFormat))),
    "LOG_LEVEL": ("log_level", _one_of(*get_args(LogLevel))),
    "DRAIN_S": ("drain_s", _drain_s),
    "RESULTS_MAX_AGE": ("results_max_age_s", _whole_number(0, 31_536_000)),
}
