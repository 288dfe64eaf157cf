"""Timeline of a poll: the stored samples of its totals, and their JSON form.

A ``TimelineSample`` holds the totals of all votes counted before its instant. The store keeps one sample at
the end of every interval in which a count changed. The newest sample is the tally itself. Its time is the end
of the interval of the last change, or the current time while that interval lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pollwire_server.domain.forecast import MICRO, PROBABILITY_SUM
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.timestamps import TimestampText, format_timestamp


class TimelineSample(msgspec.Struct, frozen=True):
    """The totals at an instant (ms). ``counts`` is by code; codes without votes may be absent."""

    at: int
    voters: int
    counts: Mapping[str, int]
    means: Mapping[str, int] | None = None
    """The mean probability by code, in millionths. Only for a forecast."""


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sample in JSON. ``counts`` has every option id or scale value, in the poll's order."""

    at: TimestampText
    voters: int
    counts: dict[str, int]
    forecast: dict[str, float] | UnsetType | None = UNSET
    """The mean forecast. Null without forecasts, absent in other polls."""


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
    return TimelineSample(at, tally.voters, tally.counts, _means_of(tally))


def timeline_of(poll: Poll, samples: Sequence[TimelineSample]) -> Timeline:
    """Return the samples in JSON form, with the poll's current option ids."""
    return Timeline(tuple(_points_of(poll, samples)))


def _points_of(poll: Poll, samples: Sequence[TimelineSample]) -> Iterator[Point]:
    codes = poll.codes
    for sample in samples:
        counts = {name: sample.counts.get(code, 0) for name, code in codes.items()}
        point = Point(format_timestamp(sample.at), sample.voters, counts)
        if not poll.forecast:
            yield point
        elif not sample.voters or sample.means is None:
            yield msgspec.structs.replace(point, forecast=None)
        else:
            means = {name: sample.means.get(code, 0) / MICRO for name, code in codes.items()}
            yield msgspec.structs.replace(point, forecast=means)


def _means_of(tally: Tally) -> dict[str, int] | None:
    sums = {name[0]: value for name, value in tally.counts.items() if name[1:] == PROBABILITY_SUM}
    if not sums or not tally.voters:
        return None
    return {letter: (2 * total + tally.voters) // (2 * tally.voters) for letter, total in sums.items()}
