"""Size and duration of the fault tests: short in the suite, long for published figures (``make faults``)."""

from __future__ import annotations

import os
from typing import Final, NamedTuple


class Scale(NamedTuple):
    """Sizes of a run. The same code runs at either scale."""

    store_kills: int
    votes_a_kill: int
    """Responses between two kills of the store."""
    worker_kills: int
    all_kills: int
    votes_a_round: int
    """Rounds of every other fault."""
    paused_s: float
    relayed: int
    """Votes through a proxy that harms replies."""
    harmed: float
    """The part of the replies that the proxy harms."""
    storm: int
    """Connections that are dropped at once."""
    overload_s: float
    """Seconds of each load."""
    overload_connections: int
    """Maximum concurrent voters. Fewer if a process cannot open that many files."""
    overload_keeps: float
    """Minimum rate at five times the peak load, as a fraction of the peak.

    Low in the suite, where other processes use the machine too.
    """
    overload_p99_s: float


SHORT: Final = Scale(
    store_kills=2,
    votes_a_kill=800,
    worker_kills=2,
    all_kills=1,
    votes_a_round=600,
    paused_s=2.0,
    relayed=2_500,
    harmed=0.05,
    storm=1_000,
    overload_s=1.0,
    overload_connections=4_000,
    overload_keeps=0.4,
    overload_p99_s=2.0,
)
LONG: Final = Scale(
    store_kills=20,
    votes_a_kill=10_000,
    worker_kills=10,
    all_kills=5,
    votes_a_round=5_000,
    paused_s=10.0,
    relayed=100_000,
    harmed=0.05,
    storm=10_000,
    overload_s=10.0,
    overload_connections=9_000,
    overload_keeps=0.9,
    overload_p99_s=1.0,
)
SCALE: Final = LONG if os.environ.get("POLLWIRE_FAULTS") == "long" else SHORT
WITHIN_S: Final = 600.0 if SCALE is LONG else 60.0
"""Timeout of every wait in these tests, on a busy machine."""
