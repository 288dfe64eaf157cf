"""Log configuration: one line for each event, as text or JSON, formatted by structlog.

No line contains a client address, a query string or a token. Our own messages never include them. Messages of
libraries and tracebacks are not reviewed, so every line passes through ``scrub_text``. All lines of one
request have the same ``request_id``, a random value without meaning elsewhere.

Loggers are named ``pollwire.<package>`` and use the standard library. structlog formats their records, and
its context variables hold the request id.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict

from pollwire_server.settings import Settings
from pollwire_server.telemetry.log_throttle import RepeatFilter

_QUIET_LIBRARIES: Final = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "websockets",
    "httpx",
    "httpcore",
    "redis",
    "asyncio",
)
"""Libraries that log from WARNING on. At INFO they write addresses and query strings."""

_SECRETS: Final = (
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+"), r"\1***"),
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), "***@"),  # the user and password of a URL
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?***"),  # a query string
    (
        re.compile(r"\(['\"](?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)['\"], \d+[^)]*\)"),
        "(***)",
    ),
    (re.compile(r"(pollwire_voter=)[^\s\"',;]+"), r"\1***"),
    (re.compile(r"\bpwk_[A-Za-z0-9_-]{8,}"), "pwk_***"),
)


def scrub_text(text: str) -> str:
    """Remove tokens, passwords, query strings and peer addresses from ``text``."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def bind_request_id() -> AbstractContextManager[None]:
    """Return a context manager that adds one ``request_id`` to all log lines within it."""
    return structlog.contextvars.bound_contextvars(request_id=secrets.token_hex(4))


def create_formatter(log_format: str) -> logging.Formatter:
    """Return the formatter for ``text`` (a line, then the traceback) or ``json`` (one object a line).

    The object is ``{"timestamp", "level", "logger", "message", "request_id"?, "traceback"?}``. ``timestamp``
    is RFC 3339 in UTC; ``logger`` is the logger's name without the prefix ``pollwire.``. A line can have
    further ``fields`` (``extra``), such as the entry of an audit log.
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
    """Send all log lines to standard error, in the configured format. Call it once for each process.

    Repeated lines are limited here, for all loggers. Warnings and uncaught exceptions become log lines, too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(create_formatter(settings.log_format))

    def emit(record: logging.LogRecord) -> None:
        with handler.lock or nullcontext():
            handler.emit(record)

    handler.addFilter(RepeatFilter(emit))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt):
        logging.getLogger("pollwire").critical("Uncaught exception", exc_info=(kind, error, traceback))


def log_fatal_error(settings: Settings, text: str) -> None:
    """Report the error that ends the process: as a log line in JSON, or as a sentence for a terminal."""
    if settings.log_format == "json":
        configure_logging(settings)
        logging.getLogger("pollwire.supervisor").critical("%s", text)
    else:
        print(f"Error: {text}", file=sys.stderr)  # noqa: T201  # for the terminal


def _from_record(_: Any, __: str, event: EventDict) -> EventDict:  # structlog's own types of a processor
    record: logging.LogRecord = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {
        "timestamp": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name.removeprefix("pollwire."),
        "message": event.pop("event"),
        **getattr(record, "fields", {}),
        **event,
    }


def _scrub(_: Any, __: str, event: EventDict) -> EventDict:
    traceback = event.pop("exception", None)
    fields = event if traceback is None else {**event, "traceback": traceback}
    return {name: scrub_text(value) if isinstance(value, str) else value for name, value in fields.items()}


def _as_json(_: Any, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _as_text(_: Any, __: str, event: EventDict) -> str:
    request = f" [{event['request_id']}]" if "request_id" in event else ""
    line = f"{event['timestamp']} {event['level'].upper():<8} {event['logger']}: {event['message']}{request}"
    return line + (f"\n{event['traceback']}" if "traceback" in event else "")
