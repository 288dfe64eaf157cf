"""Environment variables that the command line reads: the data folder and the operator's key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

DEFAULT_DATA_DIR: Final = ".pollwire"


class EnvironmentSettings(NamedTuple):
    """Settings of the command line from the environment."""

    data_dir: Path
    admin_key: str | None


class EnvironmentSettingsError(Exception):
    """A variable cannot be used. The message names it and the fix."""


def read_environment(environ: Mapping[str, str], data_dir: str | None = None) -> EnvironmentSettings:
    """Return the settings in ``environ``. An empty variable counts as absent.

    Raises ``EnvironmentSettingsError`` if the key is given twice or its file cannot be read.
    """
    folder = data_dir or environ.get("POLLWIRE_DATA_DIR") or DEFAULT_DATA_DIR
    return EnvironmentSettings(Path(folder), _secret(environ, "POLLWIRE_ADMIN_KEY"))


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    value, path = environ.get(name), environ.get(f"{name}_FILE")
    if value and path:
        raise EnvironmentSettingsError(f"{name} and {name}_FILE are both set. Set one of them.")
    if not path:
        return value or None
    try:
        return Path(path).read_text(encoding="utf-8-sig").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentSettingsError(f"{name}_FILE: cannot read {path}: {error}") from None
