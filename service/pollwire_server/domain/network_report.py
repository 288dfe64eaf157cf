"""What looks odd in where votes came from: networks with a large share, a hurried minute or one choice.

A network is a school, a carrier's gateway, or one customer with a script; a tag does not tell which. So
each of the busiest says how many of all votes it has, how many of its own were for one choice and how many
of all others were, and how many came in its busiest minute. Whoever finds one foul takes its votes out.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

MOST_TOLD: Final = 20


class NetworkStats(NamedTuple):
    """The votes that stand of one network."""

    tag: bytes
    """4 bytes; empty for all of which nobody knows where they came from."""
    votes: int
    share: float
    """Of all votes."""
    code: str
    """What most of its votes are for."""
    choice_share: float
    """Of its votes, those for ``code``."""
    share_elsewhere: float
    """Of all other votes, those for ``code``; 0 where there are none."""
    minute: int
    """Its busiest, since the epoch."""
    votes_in_minute: int


class NetworkStatsCollector:
    """Gathers votes by their tags; memory goes with networks and the minutes of each."""

    def __init__(self) -> None:
        self._codes: dict[bytes, Counter[str]] = {}
        self._minutes: dict[bytes, Counter[int]] = {}

    def add(self, tag: bytes, code: str, minute: int) -> None:
        """One vote that stands."""
        self._codes.setdefault(tag, Counter())[code] += 1
        self._minutes.setdefault(tag, Counter())[minute] += 1

    def busiest(self) -> list[NetworkStats]:
        """At most 20, those with the most votes first."""
        everything: Counter[str] = Counter()
        for codes in self._codes.values():
            everything.update(codes)
        tags = sorted(self._codes, key=lambda tag: (-self._codes[tag].total(), tag))[:MOST_TOLD]
        return [self._tagged(tag, everything) for tag in tags]

    def _tagged(self, tag: bytes, everything: Counter[str]) -> NetworkStats:
        codes = self._codes[tag]
        code, count = max(codes.items(), key=lambda item: (item[1], item[0]))
        minute, hurried = max(self._minutes[tag].items(), key=lambda item: (item[1], -item[0]))
        votes, total = codes.total(), everything.total()
        elsewhere = (everything[code] - count) / (total - votes) if total > votes else 0.0
        return NetworkStats(tag, votes, votes / total, code, count / votes, elsewhere, minute, hurried)
