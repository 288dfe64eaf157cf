"""Statistics per network: how many votes came from it, for which choice, and how fast.

A network can be a school, a carrier's gateway, or one person with a script. The tag does not reveal which.
For each of the busiest networks the report therefore gives its share of all votes, the share of its most
frequent choice inside and outside the network, and the votes in its busiest minute. An operator who finds a
network fraudulent removes its votes (a purge).
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

MAX_NETWORKS: Final = 20


class NetworkStats(NamedTuple):
    """The current votes of one network."""

    tag: bytes
    """4 bytes. Empty for the group of votes without a known network."""
    votes: int
    share: float
    """The share of this network in all votes, from 0 to 1."""
    code: str
    """The most frequent code in the network."""
    choice_share: float
    """The share of ``code`` in the votes of this network, from 0 to 1."""
    share_elsewhere: float
    """The share of ``code`` in all other votes, from 0 to 1. 0 if there are no other votes."""
    minute: int
    """The busiest minute, in minutes since the epoch."""
    votes_in_minute: int


class NetworkStatsCollector:
    """Collects votes by network tag. Memory grows with the networks and the minutes of each."""

    def __init__(self) -> None:
        self._codes: dict[bytes, Counter[str]] = {}
        self._minutes: dict[bytes, Counter[int]] = {}

    def add(self, tag: bytes, code: str, minute: int) -> None:
        """Count one current vote."""
        self._codes.setdefault(tag, Counter())[code] += 1
        self._minutes.setdefault(tag, Counter())[minute] += 1

    def busiest(self) -> list[NetworkStats]:
        """Return at most ``MAX_NETWORKS`` networks, those with the most votes first."""
        totals: Counter[str] = Counter()
        for codes in self._codes.values():
            totals.update(codes)
        tags = sorted(self._codes, key=lambda tag: (-self._codes[tag].total(), tag))[:MAX_NETWORKS]
        return [self._stats_of(tag, totals) for tag in tags]

    def _stats_of(self, tag: bytes, totals: Counter[str]) -> NetworkStats:
        codes = self._codes[tag]
        code, count = max(codes.items(), key=lambda item: (item[1], item[0]))
        minute, votes_in_minute = max(self._minutes[tag].items(), key=lambda item: (item[1], -item[0]))
        votes, total = codes.total(), totals.total()
        share_elsewhere = (totals[code] - count) / (total - votes) if total > votes else 0.0
        return NetworkStats(
            tag, votes, votes / total, code, count / votes, share_elsewhere, minute, votes_in_minute
        )
