"""How much of something one network may do for now: a bucket that fills again by itself, as one number.

A ``Limit`` of 600/60 lets a network do 600 things at once and then ten a second. What is left is kept as the
instant at which the bucket will be full again (Turner's "virtual scheduling", the GCRA of ITU-T I.371): no
counter, no timer that refills, and a bucket that is full again need not be kept at all. The store has the
same arithmetic (``functions/includes/allowances.lua``), and a test drives both and compares.
"""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

MOST_COUNT: Final = 10_000_000
LONGEST_S: Final = 86_400


class RateLimit(msgspec.Struct, frozen=True):
    """``count`` in ``seconds``, for one network."""

    count: int
    seconds: int
    spares_loopback: bool = False
    """Whether this very machine may do as it pleases: by default, never where an operator has set a limit."""

    @property
    def period_ms(self) -> int:
        """How long an empty bucket takes to be full."""
        return self.seconds * 1000

    @property
    def interval_ms(self) -> float:
        """What one thing costs of that."""
        return self.period_ms / self.count


def limit_of(text: str) -> RateLimit | None:
    """``<count>/<seconds>``, or None for ``off``; ``ValueError`` says what else was expected."""
    if text == "off":
        return None
    written = re.fullmatch(r"([0-9]{1,8})/([0-9]{1,5})", text)
    count, seconds = (int(written[1]), int(written[2])) if written else (0, 0)
    if not 1 <= count <= MOST_COUNT or not 1 <= seconds <= LONGEST_S:
        raise ValueError("must be <count>/<seconds>, such as 600/60, or off")
    return RateLimit(count, seconds)


def acquire(limit: RateLimit, full_at: float, now: int) -> tuple[float, float]:
    """When the bucket is full again after one thing more at ``now``, and 0; or ``full_at`` and ms to wait.

    ``full_at`` and ``now`` are ms since the epoch; a bucket that nobody has touched is full since ever (0).
    """
    after = max(full_at, now) + limit.interval_ms
    wait_ms = after - now - limit.period_ms
    return (full_at, wait_ms) if wait_ms > 0 else (after, 0)


def whole_seconds(wait_ms: float) -> int:
    """A wait as ``Retry-After`` has it."""
    return max(1, math.ceil(wait_ms / 1000))
