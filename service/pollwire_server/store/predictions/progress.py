"""Progress of work on all voters of a prediction or a series."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """Number of ballots (or rows) processed so far, and in all. Each stage processes every one of them."""

    done: int
    total: int
    waiting_for: str | None = None
    """The poll of the series that is being scored at the moment. One at a time is scored."""
