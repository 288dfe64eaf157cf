"""Sizes of a run: ``FULL`` for results, and ``QUICK``, which only shows that everything works."""

from __future__ import annotations

import msgspec


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of the parts; durations in seconds."""

    rounds: int
    load_s: float
    """Duration of one load of requests at the expected speed of its subject."""
    connections: int
    crowds: tuple[tuple[int, int], ...]
    """Fan-out: number of sockets, and frames a second to each."""
    fanout_s: float
    watchers: int
    """Sockets that watch while votes are timed."""
    vote_rate: int
    latency_s: float
    quiet_changes: int
    joiners: int
    stored_voters: int
    slow_s: float
    spread_over: int
    """Connections that two workers should share evenly."""
    voters: tuple[int, ...]
    polls: tuple[int, ...]
    subscribers: tuple[int, ...]
    visits: int


FULL = Scale(
    rounds=3,
    load_s=3.0,
    connections=256,
    crowds=((2_000, 10), (15_000, 1)),
    fanout_s=6.0,
    watchers=2_000,
    vote_rate=2_000,
    latency_s=8.0,
    quiet_changes=25,
    joiners=6_000,
    stored_voters=200_000,
    slow_s=12.0,
    spread_over=512,
    voters=(10, 1_000, 100_000, 1_000_000),
    polls=(1, 10, 100, 1_000, 10_000),
    subscribers=(100, 1_000, 5_000, 15_000),
    visits=6_000,
)
QUICK = Scale(
    rounds=1,
    load_s=0.7,
    connections=256,
    crowds=((500, 10), (2_000, 2)),
    fanout_s=2.0,
    watchers=500,
    vote_rate=500,
    latency_s=3.0,
    quiet_changes=8,
    joiners=1_000,
    stored_voters=20_000,
    slow_s=3.0,
    spread_over=256,
    voters=(10, 10_000),
    polls=(1, 100),
    subscribers=(100, 1_000),
    visits=500,
)
