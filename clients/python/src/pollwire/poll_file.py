"""Poll files: TOML or JSON with the fields of the API.

TOML's own dates and times are accepted as well as text. Times with an offset are
absolute; local times are in the poll's ``timezone``.
"""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime
from typing import Any

from pollwire.errors import Document


class PollFileError(ValueError):
    """The file is not TOML or JSON, or does not contain one poll. The message is one sentence."""


def parse_poll(text: str, name: str) -> Document:
    """Parse a poll. The suffix of ``name`` selects JSON or TOML, else the first character of ``text``."""
    text = text.removeprefix("\ufeff")  # the byte order mark that some editors write
    is_json = name.endswith(".json") or (not name.endswith(".toml") and text.lstrip().startswith(("{", "[")))
    try:
        document = json.loads(text) if is_json else _times_as_text(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise PollFileError(f"{name} is not {kind}: {str(error).rstrip('.')}.") from None
    if not isinstance(document, dict):
        raise PollFileError(f"{name} must hold one poll, an object with fields such as question and options.")
    return document


def _times_as_text(value: Any) -> Any:  # Any: all types of TOML, nested
    match value:
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {name: _times_as_text(item) for name, item in value.items()}
        case list():
            return [_times_as_text(item) for item in value]
        case _:
            return value
