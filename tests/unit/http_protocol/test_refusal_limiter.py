"""Delays after refused requests of one network."""

from __future__ import annotations

from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.http_protocol.refusal_limiter import MAX_DELAY_S, MAX_NETWORKS, RefusalLimiter


class Clock:
    """Clock (s) that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_refusals_beyond_the_burst_wait_for_their_turn() -> None:
    clock = Clock()
    limiter = RefusalLimiter(RateLimit(10, 1), clock)
    assert [limiter.count(b"a") for _ in range(10)] == [0.0] * 10
    assert [round(limiter.count(b"a"), 3) for _ in range(3)] == [0.1, 0.2, 0.3]
    assert limiter.count(b"b") == 0.0
    clock.now += 0.3
    assert round(limiter.count(b"a"), 3) == 0.1


def test_delay_is_bounded() -> None:
    limiter = RefusalLimiter(RateLimit(1, 1), Clock())
    assert max(limiter.count(b"a") for _ in range(1000)) == MAX_DELAY_S


def test_disabled_limiter_never_delays() -> None:
    assert {RefusalLimiter(None).count(b"a") for _ in range(1000)} == {0.0}


def test_memory_is_bounded_for_any_number_of_networks() -> None:
    clock = Clock()
    limiter = RefusalLimiter(RateLimit(10, 1), clock)
    for number in range(2 * MAX_NETWORKS):
        limiter.count(number.to_bytes(8, "big"))
    assert len(limiter._full_at_ms) <= MAX_NETWORKS
