"""Format of log lines, and removal of secrets."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from pollwire_server.telemetry import scrub_text
from pollwire_server.telemetry.logs import bind_request_id, create_formatter


def a_record(message: str, *args: object, failure: BaseException | None = None) -> logging.LogRecord:
    info = (type(failure), failure, failure.__traceback__) if failure else None
    record = logging.LogRecord("pollwire.live", logging.WARNING, __file__, 1, message, args, info)
    record.created = 1_719_907_200.123
    return record


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /v1/polls/a/live?ticket=abc.def HTTP/1.1", "abc.def"),
        ("Authorization: Bearer tok-en_1", "tok-en_1"),
        ("header bearer tok-en_1, refused", "tok-en_1"),
        ("redis://user:passw0rd@store:6379/0 is away", "passw0rd"),
        ("peer ('203.0.113.9', 51234) left", "203.0.113.9"),
        ("peer ('2001:db8::7', 51234, 0, 0) left", "2001:db8::7"),
        ("Cookie: a=b; pollwire_voter=AAAA; c=d", "AAAA"),
    ],
)
def test_secrets_and_addresses_are_scrubbed(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in scrub_text(text)


def test_ordinary_text_is_not_scrubbed() -> None:
    text = "Is the store away? It answered at 12:00 (3 times) on redis://store:6379/0."
    assert scrub_text(text) == text


def test_text_line_has_time_level_logger_and_message() -> None:
    line = create_formatter("text").format(a_record("%d readers left", 3))
    assert line == "2024-07-02T08:00:00.123Z WARNING  live: 3 readers left"


def test_json_line_is_one_object_with_traceback() -> None:
    try:
        raise ValueError("?ticket=abc")
    except ValueError:
        line = create_formatter("json").format(a_record("broke", failure=sys.exc_info()[1]))
    assert "\n" not in line
    event = json.loads(line)
    assert (event["timestamp"], event["level"], event["logger"]) == (
        "2024-07-02T08:00:00.123Z",
        "warning",
        "live",
    )
    assert "ValueError" in event["traceback"]
    assert "abc" not in event["traceback"]


def test_lines_of_one_request_share_request_id() -> None:
    formatter = create_formatter("json")
    with bind_request_id():
        first, second = (json.loads(formatter.format(a_record(text))) for text in ("one", "two"))
    outside = json.loads(formatter.format(a_record("three")))
    assert first["request_id"] == second["request_id"]
    assert "request_id" not in outside
