"""How long the fault tests take: short within the suite, long for the figures (``make faults``)."""

from __future__ import annotations

import os
from typing import Final, NamedTuple


class Scale(NamedTuple):
    """How often, how many, how long. One code runs at either scale."""

    store_kills: int
    votes_a_kill: int
    """Answered between two kills of the store."""
    worker_kills: int
    all_kills: int
    votes_a_round: int
    """Of every other fault."""
    paused_s: float
    relayed: int
    """Votes through a relay that harms replies."""
    harmed: float
    """Which part of the replies it harms."""
    storm: int
    """Sockets dropped at once."""
    overload_s: float
    """Of each load."""
    overload_connections: int
    """Voters at a time, at most; fewer where a process may not open as many files."""
    overload_keeps: float
    """Which part of its peak a service answers while five times as many votes come, at least; within the
    suite others may use the machine at the same time, so that little can be held there."""
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
"""Longer than any crowd here waits for anything, on a busy machine."""
