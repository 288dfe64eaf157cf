"""Throttle for repeated log lines."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from pollwire_server.telemetry.log_throttle import FIRST_INTERVAL_S, MAX_INTERVAL_S, RepeatFilter


class Log:
    """A filter with a fake clock, and the messages that it lets through."""

    def __init__(self) -> None:
        self.now = 100.0
        self.messages: list[str] = []
        self._filter = RepeatFilter(self._keep, lambda: self.now, uses_timer=False)

    def _keep(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def log(self, text: str, *args: object, subject: object = None, level: int = logging.WARNING) -> None:
        record = logging.LogRecord("pollwire.store", level, __file__, 1, text, args, None)
        record.subject = subject
        if self._filter.filter(record):
            self._keep(record)

    def flush(self) -> None:
        self._filter.flush()


def test_repeated_line_is_logged_at_once_and_then_at_growing_intervals_with_counts() -> None:
    log, times = Log(), []
    began = log.now
    while log.now < began + 3600:
        before = len(log.messages)
        log.log("refused: no memory")
        if len(log.messages) > before:
            times.append(round(log.now - began))
        log.now += 1
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    assert (gaps[0], max(gaps)) == (FIRST_INTERVAL_S, MAX_INTERVAL_S)
    assert len(times) < 15
    assert log.messages[:2] == ["refused: no memory", "refused: no memory (9 such lines in the interval)"]


def test_line_after_a_quiet_interval_is_logged_at_once() -> None:
    log = Log()
    log.log("the store is away")
    log.now += FIRST_INTERVAL_S
    log.log("the store is away")
    assert log.messages == ["the store is away"] * 2


def test_latest_suppressed_line_is_logged_when_the_interval_ends() -> None:
    log = Log()
    for _ in range(3):
        log.log("the store is away")
        log.log("the store is back")
    assert log.messages == ["the store is away", "the store is back"]
    log.now += FIRST_INTERVAL_S
    log.log("another line")
    assert log.messages[2:] == [
        "the store is away (2 such lines in the interval)",
        "the store is back (2 such lines in the interval)",
        "another line",
    ]


def test_lines_that_differ_in_random_ids_are_one_kind_of_their_subject() -> None:
    log = Log()
    for number in range(40):
        log.log("delivery of event %s failed", f"9c{number}fe-1", subject="hook-a")
    log.log("delivery of event 0a1b failed", subject="hook-b")
    assert log.messages == ["delivery of event 9c0fe-1 failed", "delivery of event 0a1b failed"]


def test_single_suppressed_line_is_logged_unchanged() -> None:
    log = Log()
    log.log("the store is back")
    log.log("the store is back")
    log.now += FIRST_INTERVAL_S
    log.flush()
    assert log.messages == ["the store is back"] * 2


@pytest.mark.parametrize(
    ("first", "second", "logged"),
    [
        (("moved to %d", 7001), ("moved to %d", 7002), 1),
        (("refused: no memory",), ("refused: no disk",), 2),
    ],
    ids=["numbers", "words"],
)
def test_throttle_ignores_numbers_but_not_words(
    first: tuple[str, ...], second: tuple[str, ...], logged: int
) -> None:
    log = Log()
    log.log(*first)
    log.log(*second)
    assert len(log.messages) == logged


def test_subjects_and_levels_are_separate_kinds() -> None:
    log = Log()
    log.log("Worker %d ready", 1, subject=1)
    log.log("Worker %d ready", 2, subject=2)
    log.log("Worker %d ready", 2, subject=2, level=logging.ERROR)
    log.log("Worker %d ready", 1, subject=1)
    assert len(log.messages) == 3
