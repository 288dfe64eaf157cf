"""Rate limits per network: the generic cell rate algorithm (GCRA).

A limit of 600/60 allows a network a burst of 600 operations, and then ten a second. The state of a bucket is
one number: the instant at which the bucket is full again ("virtual scheduling", GCRA of ITU-T I.371). It
needs no counter and no refill timer, and a full bucket need not be stored at all. The store uses the same
arithmetic (``store/functions/includes/rate_limit.lua``). A test runs both and compares them.
"""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

MAX_COUNT: Final = 10_000_000
MAX_PERIOD_S: Final = 86_400


class RateLimit(msgspec.Struct, frozen=True):
    """At most ``count`` operations in ``seconds``, for one network."""

    count: int
    seconds: int
    spares_loopback: bool = False
    """True if clients on this machine are exempt."""

    @property
    def period_ms(self) -> int:
        """Return the time in ms in which an empty bucket fills up."""
        return self.seconds * 1000

    @property
    def interval_ms(self) -> float:
        """Return the time in ms that the bucket needs to regain one operation."""
        return self.period_ms / self.count


def parse_rate_limit(text: str) -> RateLimit | None:
    """Parse ``<count>/<seconds>``, or ``off`` (None). Raises ``ValueError`` with the expected format."""
    if text == "off":
        return None
    match = re.fullmatch(r"([0-9]{1,8})/([0-9]{1,5})", text)
    count, seconds = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= count <= MAX_COUNT or not 1 <= seconds <= MAX_PERIOD_S:
        raise ValueError("must be <count>/<seconds>, such as 600/60, or off")
    return RateLimit(count, seconds)


def acquire(limit: RateLimit, full_at: float, now: int) -> tuple[float, float]:
    """Take one operation from the bucket. Return the new ``full_at`` and the ms to wait (0 if allowed).

    ``full_at`` and ``now`` are ms since the epoch. ``full_at`` is 0 for an unused bucket. A rejected
    operation leaves ``full_at`` unchanged.
    """
    after = max(full_at, now) + limit.interval_ms
    wait_ms = after - now - limit.period_ms
    return (full_at, wait_ms) if wait_ms > 0 else (after, 0)


def whole_seconds(wait_ms: float) -> int:
    """Round a wait in ms up to the whole seconds of ``Retry-After``, at least 1."""
    return max(1, math.ceil(wait_ms / 1000))
