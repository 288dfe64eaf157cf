"""The highest place in each poll's history that this process has seen.

Every counting step and every read carries it to the store, which thereby
notices when it has lost history (``functions/includes/position.lua``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_POLLS: Final = 50_000
"""Polls remembered, some 300 bytes each; the one first met goes first. A poll forgotten here is merely not
guarded by this process until it is seen again."""


class Position(NamedTuple):
    """A place in a poll's history; ordered as tuples are."""

    epoch: str
    seq: int


INITIAL_POSITION: Final = Position("", 0)
"""Before anything was seen: older than every position."""


class PositionTracker:
    """Positions by poll id, only ever moving up."""

    __slots__ = ("_highest",)

    def __init__(self) -> None:
        self._highest: dict[str, Position] = {}

    def highest(self, poll_id: str) -> Position:
        """The highest position seen, or ``NOWHERE``."""
        return self._highest.get(poll_id, INITIAL_POSITION)

    def observe(self, poll_id: str, epoch: str, seq: int) -> None:
        """Something was answered at this position."""
        position = Position(epoch, seq)
        highest = self._highest.get(poll_id)
        if highest is None and len(self._highest) >= MOST_POLLS:
            del self._highest[next(iter(self._highest))]
        if highest is None or position > highest:
            self._highest[poll_id] = position
