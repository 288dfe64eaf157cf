"""Everything that may be set: one frozen struct, and how it is handed down to a worker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from service.domain.allowance import RateLimit

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
