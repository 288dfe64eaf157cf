"""History of a voter's changed votes in a prediction (``store/functions/includes/vote_history.lua``).

A resolution scores the vote that was current at its effective time. The history therefore keeps each vote
that was replaced or withdrawn, and the time since when it was current.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

MAX_CHANGES: Final = 100
"""Changes that the store keeps for one voter. It rejects further ones."""

_HEAD_BYTES: Final = 7


class PastVote(NamedTuple):
    """A replaced vote."""

    at: int
    """The time in milliseconds since which it was current."""
    code: str
    """Empty for a withdrawn vote."""


def decode_history(text: bytes) -> tuple[PastVote, ...]:
    """Decode the stored entries: at (6 bytes), length of the code (1 byte), code."""
    votes, place = [], 0
    while place < len(text):
        at, length = int.from_bytes(text[place : place + 6], "big"), text[place + 6]
        place += _HEAD_BYTES
        votes.append(PastVote(at, text[place : place + length].decode("latin-1")))
        place += length
    return tuple(votes)


def vote_at(history: Sequence[PastVote], current: PastVote, instant: int) -> str:
    """Return the code of the vote that was current at an instant (ms). Empty if there was none."""
    votes = [vote for vote in (*history, current) if vote.at <= instant]
    return votes[-1].code if votes else ""
