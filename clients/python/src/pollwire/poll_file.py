"""A poll as people write it down: a TOML or JSON file with the fields of the protocol.

TOML's own dates and times are taken as well as text: one with an offset as it
is, a local one together with the poll's ``timezone``.
"""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime
from typing import Any

from pollwire.errors import Document


class PollFileError(ValueError):
    """The text is neither TOML nor JSON, or not one poll; the message is one sentence."""


def parse_poll(text: str, name: str) -> Document:
    """The poll in ``text``: JSON or TOML by the end of ``name``, else by its first sign."""
    is_json = name.endswith(".json") or (not name.endswith(".toml") and text.lstrip().startswith(("{", "[")))
    try:
        document = json.loads(text) if is_json else _times_as_text(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise PollFileError(f"{name} is not {kind}: {str(error).rstrip('.')}.") from None
    if not isinstance(document, dict):
        raise PollFileError(f"{name} must hold one poll, an object with fields such as question and options.")
    return document


def _times_as_text(value: Any) -> Any:  # Any: whatever TOML may hold, at any depth
    match value:
        case datetime() | date():
            return value.isoformat()
        case dict():
            return {name: _times_as_text(item) for name, item in value.items()}
        case list():
            return [_times_as_text(item) for item in value]
        case _:
            return value
