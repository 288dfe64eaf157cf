"""Handshake limiter of a worker, and its response."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pollwire_server.auth.client_address import UNKNOWN
from pollwire_server.live.connection_limits import HANDSHAKES_PER_S, ConnectionLimiter, HandshakeLimiter
from pollwire_server.live.fast_path.router import LiveFastPath


class Clock:
    """Clock (s) that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class RecordingTransport(asyncio.Transport):
    """Transport that records the written data."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record the data."""
        self.written += bytes(data)

    def close(self) -> None:
        """Record that the transport was closed."""
        self.is_closed = True


def test_streams_of_a_network_have_a_share() -> None:
    limiter = ConnectionLimiter(2, 3)
    first, second, other = b"\xc6\x33\x64\x01", b"\xc6\x33\x64\x02", b"\xcb\x00\x71\x01"
    assert [limiter.acquire(first) for _ in range(3)] == [True, True, False]
    assert [limiter.acquire(second) for _ in range(2)] == [True, False]
    assert limiter.acquire(other)
    ipv6 = bytes(range(8))
    assert [limiter.acquire(ipv6) for _ in range(3)] == [True, True, False]
    for address in (first, first, second, other, ipv6, ipv6):
        limiter.release(address)
    assert len(limiter) == 0


def test_streams_of_this_machine_have_no_share() -> None:
    limiter = ConnectionLimiter(share=1)
    for address in (b"\x7f\x00\x00\x01", bytes(8), b""):
        assert all(limiter.acquire(address) for _ in range(3))


def test_limiter_allows_burst_then_refills_with_time() -> None:
    clock = Clock()
    limiter = HandshakeLimiter(10, clock)
    assert [limiter.allow() for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now += 0.2
    assert [limiter.allow() for _ in range(3)] == [True, True, False]
    clock.now += 60
    assert sum(limiter.allow() for _ in range(30)) == 10, "a quiet minute allows no larger burst"


def test_default_limit_allows_thousands_at_once() -> None:
    limiter = HandshakeLimiter(now=Clock())
    assert all(limiter.allow() for _ in range(HANDSHAKES_PER_S))
    assert HANDSHAKES_PER_S >= 2000


def test_handshake_above_limit_gets_503_before_any_other_work() -> None:
    untouched = cast(Any, object())  # any use of it fails
    fast_path = LiveFastPath(untouched, untouched, untouched, HandshakeLimiter(1, Clock()))
    assert fast_path._handshake_limiter.allow()
    transport = RecordingTransport()
    assert fast_path.accept(b"/v1/polls/a/live?ticket=secret", {}, b"", transport, set(), client=UNKNOWN)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2\r\n" in head.lower() + b"\r\n"
    assert b"/problems/overloaded" in body
    assert b"secret" not in body
    assert transport.is_closed
