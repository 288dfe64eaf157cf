"""Throttle for repeated log lines."""

from __future__ import annotations

from pollwire_server.telemetry.log_throttle import LogThrottle


class Clock:
    """A fake clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_repeated_line_is_suppressed_and_counted() -> None:
    clock = Clock()
    throttle = LogThrottle(10.0, clock)
    assert throttle.line_to_log("refused: no memory") == "refused: no memory"
    clock.now += 9.9
    assert {throttle.line_to_log("refused: no memory") for _ in range(1234)} == {None}
    clock.now += 0.1
    assert throttle.line_to_log("refused: no memory") == "refused: no memory (and 1,234 more like it)"
    clock.now += 9.9
    assert throttle.line_to_log("refused: no memory") is None
    clock.now += 0.1
    assert throttle.line_to_log("refused: no memory") == "refused: no memory (and 1 more like it)"
    clock.now += 3600
    assert throttle.line_to_log("refused: no memory") == "refused: no memory"


def test_throttle_ignores_numbers_but_not_words() -> None:
    throttle = LogThrottle(10.0, Clock())
    assert throttle.line_to_log("refused: moved to 7001")
    assert throttle.line_to_log("refused: moved to 7002") is None
    assert throttle.line_to_log("refused: no disk") == "refused: no disk"
