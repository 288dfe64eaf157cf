"""A worker takes so many handshakes a second, and turns the next away at no cost."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pollwire_server.auth.client_address import UNKNOWN
from pollwire_server.live.connection_limits import HANDSHAKES_PER_S, HandshakeLimiter
from pollwire_server.live.fast_path.router import LiveFastPath


class Clock:
    """An hour that stands until it is moved; in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Wire(asyncio.Transport):
    """A connection that keeps what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def close(self) -> None:
        """Nothing more is written."""
        self.is_closed = True


def test_so_many_a_second_and_then_as_time_goes_by() -> None:
    """A crowd of as many comes in at once; then one for each part of a second that has passed."""
    clock = Clock()
    rush = HandshakeLimiter(10, clock)
    assert [rush.allow() for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now += 0.2
    assert [rush.allow() for _ in range(3)] == [True, True, False]
    clock.now += 60
    assert sum(rush.allow() for _ in range(30)) == 10, "quiet saves nothing up beyond a second"


def test_the_default_lets_a_crowd_in() -> None:
    """Thousands who join in one instant are all taken."""
    rush = HandshakeLimiter(now=Clock())
    assert all(rush.allow() for _ in range(HANDSHAKES_PER_S))
    assert HANDSHAKES_PER_S >= 2000


def test_one_too_many_is_answered_before_anything_is_done_for_it() -> None:
    """503 with Retry-After, and the connection ends; neither the door nor the hub has heard of it."""
    untouched = cast(Any, object())  # whatever would be asked of it fails
    lane = LiveFastPath(untouched, untouched, untouched, HandshakeLimiter(1, Clock()))
    assert lane._rush.allow()
    wire = Wire()
    assert lane.accept(b"/v1/polls/a/live?ticket=secret", {}, b"", wire, set(), client=UNKNOWN)
    head, _, body = wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2\r\n" in head.lower() + b"\r\n"
    assert b"/problems/overloaded" in body
    assert b"secret" not in body
    assert wire.is_closed
