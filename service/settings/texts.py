"""What each setting may say: a text becomes its value, or is refused.

Each ``ValueError`` here completes a sentence that begins with the setting's
name: "POLLWIRE_PORT must be a whole number from 0 to 65535".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from service.domain.allowance import limit_of
from service.settings.values import split_list

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
