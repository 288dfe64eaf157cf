"""What the service is told from outside: one frozen struct, and the only reader of the environment.

Every name has the prefix ``POLLWIRE_``; a secret may instead stand in a file
that ``..._FILE`` names. An empty value counts as absent, since compose files
and shells leave such values behind. Nothing is read at import.

``values`` is the struct, ``texts`` says what may be written for each of its
fields, and ``reading`` puts both together.

What each setting may say: a text becomes its value, or is refused.

Each ``ValueError`` here completes a sentence that begins with the setting's
name: "POLLWIRE_PORT must be a whole number from 0 to 65535".

Everything that may be set: one frozen struct, and how it is handed down to a worker.

The settings as the environment and a command line give them, checked, with a warning of what is odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from pollwire_server.domain.rate_limit import RateLimit, limit_of

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?![0-9.]+\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
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
    schemes = ("redis://", "rediss://", "unix://", "redis+sentinel://", "redis+cluster://")
    if not text.startswith(schemes) or len(text) == len(next(s for s in schemes if text.startswith(s))):
        raise ValueError(f"must be an address that begins with {', '.join(schemes[:-1])} or {schemes[-1]}")
    return text


def _secret(text: str) -> str:
    if not split_list(text):
        raise ValueError("must not be blank")
    return text


def _origin(text: str) -> str:
    """An origin as browsers write it: lower case, no default port, no trailing slash (RFC 6454, 6.2)."""
    written = _ORIGIN.fullmatch(text.lower())
    if not written or int(written["port"] or 0) > 65535:
        raise ValueError("must be an origin such as https://example.org, without a path")
    default_port = "443" if written["scheme"] == "https" else "80"
    port = "" if written["port"] in (None, default_port) else f":{written['port']}"
    return f"{written['scheme']}://{written['host']}{port}"


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


def _most_sockets(text: str) -> int | None:
    if text == "off":
        return None
    try:
        return _whole_number(1, 10_000_000)(text)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def _webhook_allow(text: str) -> tuple[str, ...]:
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


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("must be text or json")
    return text


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
    "WEBHOOK_ALLOW": ("webhook_allow", _webhook_allow),
    "TRUSTED_PROXIES": ("trusted_proxies", _proxies),
    "LIMIT_VOTES": ("limit_votes", limit_of),
    "LIMIT_VOTERS": ("limit_voters", limit_of),
    "LIMIT_SOCKETS": ("limit_sockets", _most_sockets),
    "RETENTION_DAYS": ("retention_days", _whole_number(1, 36_500)),
    "CHALLENGES": ("challenges", _switch),
    "METRICS": ("metrics", _metrics),
    "LOG_FORMAT": ("log_format", _log_format),
    "RESULTS_MAX_AGE": ("results_max_age_s", _whole_number(0, 31_536_000)),
}


LogFormat = Literal["text", "json"]

SECRET_FIELDS: Final = frozenset({"redis_url", "secret", "admin_key"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may be set. ``read_settings`` checks it; made by hand it is taken as it is."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 lets the kernel choose."""
    workers: int = 1
    data_dir: Path = Path(".pollwire")
    redis_url: str | None = None
    """None: a private store of our own, kept in ``data_dir``."""
    secret: str | None = None
    """``new,old``: the first signs, all verify."""
    admin_key: str | None = None
    public_url: str | None = None
    allowed_origins: tuple[str, ...] = ()
    stream_hz: float = 10.0
    """Frames a second that one reader gets at most."""
    log_format: LogFormat = "text"
    metrics: tuple[str, int] | None = None
    """Host and port of the listener that tells figures to Prometheus; None: there is none."""
    results_max_age_s: int = 0
    trusted_proxies: tuple[str, ...] | None = None
    """Addresses and networks that are believed about their clients, ``unix``, or ``none``; None: not said."""
    limit_votes: RateLimit | None = RateLimit(30_000, 60, spares_loopback=True)
    """Votes of one network on one poll; None: any number. ``docs/operations.md`` has the reasons."""
    limit_voters: RateLimit | None = RateLimit(3_000, 60, spares_loopback=True)
    """New voters of one network; beyond it they are challenged or, without challenges, refused."""
    limit_sockets: int | None = None
    """Open streams of one address on one worker; None: any number."""
    challenges: bool = True
    retention_days: int | None = None
    """After how many days an ended poll is archived by itself; None: never."""
    demo: bool = False
    jwks_loopback: bool = False
    """Whether sites on this very machine may publish keys, and without https."""
    webhook_allow: tuple[str, ...] = ()
    """Hosts, addresses and networks that webhooks may go to although they are no public ones."""
    webhook_hurry: float = 1.0
    """How many times as fast webhooks wait; not from the environment."""
    namespace: str = "pw"
    """The first part of every key in the store; not from the environment."""
    warnings: tuple[str, ...] = ()
    """What was found odd and not refused, a sentence each; logged at start."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The signing secrets, the one that signs first; empty where none is set."""
        return split_list(self.secret or "")

    def __repr__(self) -> str:
        """Without the values of secrets: settings end up in logs and tracebacks."""
        shown = {
            name: "***" if name in SECRET_FIELDS and getattr(self, name) else getattr(self, name)
            for name in self.__struct_fields__
        }
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def split_list(text: str) -> tuple[str, ...]:
    """The items of a list written with commas or white space."""
    return tuple(item for item in re.split(r"[,\s]+", text) if item)


def encode_settings(settings: Settings) -> bytes:
    """One JSON object, as it is handed down to a worker."""
    return msgspec.json.encode(settings, enc_hook=str)


def decode_settings(document: bytes) -> Settings:
    """The settings that ``encode_settings`` wrote."""
    return msgspec.json.decode(document, type=Settings, dec_hook=_made_of_text)


def _made_of_text(kind: type[Any], value: Any) -> Any:  # msgspec's hook: any type, any value
    if kind is Path or issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)


PREFIX: Final = "POLLWIRE_"
_KUBERNETES = re.compile(r"POLLWIRE_(SERVICE|PORT)_")
"""Kubernetes sets such names in every pod beside a Service called pollwire; they are not ours."""
EASILY_GUESSED_BELOW: Final = 16
"""Characters; a shorter secret is used, and warned of."""


class SettingsError(Exception):
    """The service cannot start as it was told to; the message is one sentence for whoever told it."""


def read_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """The settings of ``environ``; ``overrides`` (by field, as a command line gives them) win unless None.

    Raises ``SettingsError`` with one sentence that names what is wrong, never the value of a secret.
    """
    values: dict[str, Any] = {}
    for name, (field, parse) in PARSERS.items():
        given = overrides.pop(field, None)
        if given is not None:
            values[field] = _parsed(parse, _as_text(given), f"--{_option_of(field)}", field)
        elif (found := _text_of(environ, name, field)) is not None:
            values[field] = _parsed(parse, found[1], found[0], field)
    values.update({field: value for field, value in overrides.items() if value is not None})
    settings = Settings(**values)
    return msgspec.structs.replace(settings, warnings=(*_unknown_names(environ), *_weak_secrets(settings)))


def _as_text(given: Any) -> str:
    return " ".join(given) if isinstance(given, (tuple, list)) else str(given)


def _option_of(field: str) -> str:
    return {"data_dir": "data", "redis_url": "redis"}.get(field, field.replace("_", "-"))


def _text_of(environ: Mapping[str, str], name: str, field: str) -> tuple[str, str] | None:
    """The name that is set, and its text; None where nothing is."""
    full = PREFIX + name
    text = environ.get(full, "").strip()
    if name == "PORT" and text.startswith("tcp://"):
        return None  # set by Kubernetes beside a Service called pollwire: the Service's address, not ours
    if field not in SECRET_FIELDS:
        return (full, text) if text else None
    file_name = environ.get(f"{full}_FILE", "").strip()
    if text and file_name:
        raise SettingsError(f"{full} and {full}_FILE are both set; give one of them.")
    if file_name:
        return f"{full}_FILE", _content_of(file_name, f"{full}_FILE")
    return (full, text) if text else None


def _content_of(file_name: str, name: str) -> str:
    try:
        text = Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(f"{name} names {file_name}, which cannot be read: {reason}.") from None
    if not text:
        raise SettingsError(f"{name} names {file_name}, which is empty.")
    return text


def _parsed(parse: Callable[[str], Any], text: str, name: str, field: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        value = "" if field in SECRET_FIELDS else f", not {text[:60]!r}"
        raise SettingsError(f"{name} {error}{value}.") from None


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name for name in PARSERS}
    known |= {f"{PREFIX}{name}_FILE" for name, (field, _) in PARSERS.items() if field in SECRET_FIELDS}
    return [
        f"{name} is set and means nothing to this version."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES.match(name)
    ]


def _weak_secrets(settings: Settings) -> list[str]:
    given = [("POLLWIRE_SECRET", secret) for secret in settings.secrets]
    if settings.admin_key is not None:
        given.append(("POLLWIRE_ADMIN_KEY", settings.admin_key))
    return [
        f"{name} is shorter than {EASILY_GUESSED_BELOW} characters and easily guessed."
        for name, secret in given
        if len(secret) < EASILY_GUESSED_BELOW
    ]


__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "decode_settings",
    "encode_settings",
    "read_settings",
]
