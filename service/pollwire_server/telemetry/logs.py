"""Log lines: one an event, for people (text) or machines (JSON), by structlog.

No line carries an address, a query string or a token. Our own messages have
none to begin with; what libraries and tracebacks say passes through
``scrubbed`` as well, since nobody reviews those. Lines that one request caused
carry the same ``request``, a few random letters that mean nothing elsewhere.

Rooms log by the standard library, as every library does; structlog formats
what comes of it, and its context variables hold the request.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict

from pollwire_server.settings import Settings

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


def about_one_request() -> AbstractContextManager[None]:
    """Within it, every line says that it is about the same request."""
    return structlog.contextvars.bound_contextvars(request=secrets.token_hex(4))


def formatter_of(log_format: str) -> logging.Formatter:
    """``text``: a line for people, a traceback below it; ``json``: an object a line.

    The object is ``{"at", "level", "room", "message", "request"?, "traceback"?}``.
    """
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, _from_record],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _scrub,
            _as_json if log_format == "json" else _as_text,
        ],
    )


def configure_logging(settings: Settings) -> None:
    """Send every log line to standard error, in the format that is set; to be called once a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(settings.log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _from_record(_: Any, __: str, event: EventDict) -> EventDict:  # structlog's own types of a processor
    record: logging.LogRecord = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    room = record.name.removeprefix("pollwire.").removeprefix("service.")
    return {
        "at": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "room": room,
        "message": event.pop("event"),
        **event,
    }


def _scrub(_: Any, __: str, event: EventDict) -> EventDict:
    traceback = event.pop("exception", None)
    told = event if traceback is None else {**event, "traceback": traceback}
    return {name: scrubbed(value) if isinstance(value, str) else value for name, value in told.items()}


def _as_json(_: Any, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _as_text(_: Any, __: str, event: EventDict) -> str:
    request = f" [{event['request']}]" if "request" in event else ""
    line = f"{event['at']} {event['level'].upper():<8} {event['room']}: {event['message']}{request}"
    return line + (f"\n{event['traceback']}" if "traceback" in event else "")
