"""Timeline of a poll: the stored samples of its totals, and their JSON form.

A ``TimelineSample`` holds the totals of all votes counted before its instant. The store keeps one sample at
the end of every interval in which a count changed. The newest sample is the tally itself. Its time is the end
of the interval of the last change, or the current time while that interval lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.timestamps import format_timestamp


class TimelineSample(msgspec.Struct, frozen=True):
    """The totals at an instant (ms). ``counts`` is by code; codes without votes may be absent."""

    at: int
    voters: int
    counts: Mapping[str, int]


class Point(msgspec.Struct, frozen=True):
    """A sample in JSON. ``counts`` has every option id or scale value, in the poll's order."""

    at: str
    voters: int
    counts: dict[str, int]


class Timeline(msgspec.Struct, frozen=True):
    """The response of ``GET .../timeline``."""

    points: tuple[Point, ...]


def newest_sample(tally: Tally, interval_ends: int | None, last_at: int | None) -> TimelineSample | None:
    """Return the tally as a sample that is later than the last stored one.

    ``interval_ends`` is the end of the interval (ms) of the last counted change. Return None if nothing was
    ever counted. Times increase strictly, even if the store's clock was set back.
    """
    if interval_ends is None:
        return None
    at = min(tally.now, interval_ends)
    if last_at is not None:
        at = max(at, last_at + 1)
    return TimelineSample(at, tally.voters, tally.counts)


def timeline_of(poll: Poll, samples: Sequence[TimelineSample]) -> Timeline:
    """Return the samples in JSON form, with the poll's current option ids."""
    return Timeline(tuple(_points_of(poll, samples)))


def _points_of(poll: Poll, samples: Sequence[TimelineSample]) -> Iterator[Point]:
    codes = poll.codes
    for sample in samples:
        counts = {name: sample.counts.get(code, 0) for name, code in codes.items()}
        yield Point(format_timestamp(sample.at), sample.voters, counts)
