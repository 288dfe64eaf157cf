"""The settings as the environment and a command line give them, checked, with a warning of what is odd."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from service.settings.texts import PARSERS
from service.settings.values import SECRET_FIELDS, Settings

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
