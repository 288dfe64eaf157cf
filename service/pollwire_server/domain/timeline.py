"""Totals over time: what a poll's store kept of them, as readers get them.

A ``Moment`` says what was counted before its instant. The store keeps one at
the end of every interval in which anything changed; the newest is the tally
itself, at the end of the present interval or, while that lasts, now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.window import format_instant


class TimelineSample(msgspec.Struct, frozen=True):
    """The totals as they stood at an instant (ms): ``counts`` by code, those without votes maybe absent."""

    at: int
    voters: int
    counts: Mapping[str, int]


class Point(msgspec.Struct, frozen=True):
    """A moment as readers get it: ``counts`` by option id or value of the scale, all of them, in order."""

    at: str
    voters: int
    counts: dict[str, int]


class Timeline(msgspec.Struct, frozen=True):
    """What ``GET .../timeline`` answers."""

    points: tuple[Point, ...]


def newest_moment(tally: Tally, interval_ends: int | None, last_at: int | None) -> TimelineSample | None:
    """The tally as a moment, later than the last one that was kept; None where nothing was ever counted.

    ``interval_ends`` is the end of the interval in which the last change was counted. Times grow strictly
    even where the store's clock was set back.
    """
    if interval_ends is None:
        return None
    at = min(tally.now, interval_ends)
    if last_at is not None:
        at = max(at, last_at + 1)
    return TimelineSample(at, tally.voters, tally.counts)


def timeline_of(poll: Poll, moments: Sequence[TimelineSample]) -> Timeline:
    """The moments, in the words of the poll as it stands."""
    return Timeline(tuple(_points_of(poll, moments)))


def _points_of(poll: Poll, moments: Sequence[TimelineSample]) -> Iterator[Point]:
    codes = poll.codes
    for moment in moments:
        counts = {name: moment.counts.get(code, 0) for name, code in codes.items()}
        yield Point(format_instant(moment.at), moment.voters, counts)
