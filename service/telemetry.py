"""What the service says about itself: one line an event, for people (text) or machines (JSON).

No line carries an address, a query string or a token. Our own messages have
none to begin with; what libraries and tracebacks say passes through
``scrubbed`` as well, since nobody reviews those.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

from service.settings import Settings

_QUIET: Final = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "websockets",
    "httpx",
    "httpcore",
    "redis",
    "asyncio",
)
"""Libraries that are heard from WARNING on: at INFO they write addresses and query strings."""

_SECRETS: Final = (
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+"), r"\1***"),
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), "***@"),  # the user and password of a URL
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?***"),  # a query string
    (
        re.compile(r"\(['\"](?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)['\"], \d+[^)]*\)"),
        "(***)",
    ),
    (re.compile(r"(pollwire_voter=)[^\s\"',;]+"), r"\1***"),
)


def scrubbed(text: str) -> str:
    """``text`` without tokens, passwords, query strings and peers' addresses."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextFormatter(logging.Formatter):
    """``2026-11-24T12:00:00.123Z WARNING live: what happened``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it where there is one."""
        line = f"{_time(record)} {record.levelname:<8} {_room(record)}: {record.getMessage()}"
        return scrubbed(line + (f"\n{told}" if (told := _traceback(self, record)) else ""))


class JsonFormatter(logging.Formatter):
    """``{"at", "level", "room", "message", "traceback"?}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
        event = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "room": _room(record),
            "message": scrubbed(record.getMessage()),
        }
        if told := _traceback(self, record):
            event["traceback"] = scrubbed(told)
        return msgspec.json.encode(event).decode()


def configure_logging(settings: Settings) -> None:
    """Send every log line to standard error, in the format that is set; to be called once a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("pollwire.").removeprefix("service.")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
