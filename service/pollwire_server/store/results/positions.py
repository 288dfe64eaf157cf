"""Highest position of each poll's history that this process has seen.

Each function that writes or reads a tally gets this position as an argument. With it the store detects that
it has lost history (``functions/includes/position.lua``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_TRACKED_POLLS: Final = 50_000
"""Tracked polls, about 300 bytes each; the oldest entry is evicted first. This process does not protect an
evicted
poll against lost history until it reads the poll again."""


class Position(NamedTuple):
    """Position in a poll's history: epoch, then sequence number. Compares like a tuple."""

    epoch: str
    seq: int


INITIAL_POSITION: Final = Position("", 0)
"""Position before all others."""


class PositionTracker:
    """Highest position by poll id. A position never decreases."""

    __slots__ = ("_highest",)

    def __init__(self) -> None:
        self._highest: dict[str, Position] = {}

    def highest(self, poll_id: str) -> Position:
        """Return the highest observed position, or ``INITIAL_POSITION``."""
        return self._highest.get(poll_id, INITIAL_POSITION)

    def observe(self, poll_id: str, epoch: str, seq: int) -> None:
        """Record the position of the latest reply."""
        position = Position(epoch, seq)
        highest = self._highest.get(poll_id)
        if highest is None and len(self._highest) >= MAX_TRACKED_POLLS:
            del self._highest[next(iter(self._highest))]
        if highest is None or position > highest:
            self._highest[poll_id] = position
