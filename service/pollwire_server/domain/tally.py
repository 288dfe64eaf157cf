"""Results: what was counted, as it is told to readers.

A ``Tally`` is what the store read in one step. ``results_of`` makes of it the
one object that HTTP, every socket frame and every event carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from pollwire_server.domain.instant_runoff import Round, RunoffResult
from pollwire_server.domain.poll import Poll, Scale, code_of_value
from pollwire_server.domain.poll_document import resolution_document
from pollwire_server.domain.window import Phase, format_instant


class Tally(msgspec.Struct, frozen=True):
    """One consistent read of a poll's totals, at ``now`` by the store's clock."""

    epoch: str
    """The store's milliseconds in twelve hex digits; changes only when history was lost or reset."""
    seq: int
    """Grows with every counted change, within one epoch."""
    voters: int
    counts: Mapping[str, int]
    """Votes by option code; a code without votes may be absent."""
    now: int


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="results"):
    """Totals as their readers get them; hidden ones carry no number at all (and ``seq`` 0)."""

    poll: str
    epoch: str
    seq: int
    phase: Phase
    final: bool
    as_of: str
    closes_at: str | None
    hidden: bool = False
    voters: int | msgspec.UnsetType = msgspec.UNSET
    counts: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """By option id, or by value of the scale; of a ranked poll the first preferences."""
    mean: float | msgspec.UnsetType | None = msgspec.UNSET
    """Of a rating; null while nobody has voted."""
    resolution: dict[str, object] | msgspec.UnsetType = msgspec.UNSET
    """Of a prediction, once it has come to something; also where totals are hidden."""
    rounds: tuple[Round, ...] | msgspec.UnsetType = msgspec.UNSET
    winner: str | msgspec.UnsetType | None = msgspec.UNSET
    """With ``rounds``, of a ranked poll, where the reader asked once and is sent no stream."""


MEAN_DIGITS: Final = 4
"""After the point. More than people read, and equal for readers who add up the counts themselves."""


def results_of(poll: Poll, tally: Tally, outcome: RunoffResult | None = None) -> Results:
    """What a reader who may see the totals gets; every option (or value) is there, in the poll's order.

    ``outcome`` is what a ranked poll's rankings come to, of the same instant as the tally.
    """
    phase = poll.phase(tally.now)
    return Results(
        poll=poll.id,
        epoch=tally.epoch,
        seq=tally.seq,
        phase=phase,
        final=phase.is_over,
        as_of=format_instant(tally.now),
        closes_at=_time(poll.closes_at),
        voters=tally.voters,
        counts={name: tally.counts.get(code, 0) for name, code in poll.codes.items()},
        mean=msgspec.UNSET if poll.scale is None else _mean(poll.scale, tally),
        resolution=resolution_document(poll) or msgspec.UNSET,
        rounds=msgspec.UNSET if outcome is None else outcome.rounds,
        winner=msgspec.UNSET if outcome is None else outcome.winner,
    )


def _mean(scale: Scale, tally: Tally) -> float | None:
    if not tally.voters:
        return None
    total = sum(value * tally.counts.get(code_of_value(value), 0) for value in scale.values)
    return round(total / tally.voters, MEAN_DIGITS)


def hidden_results_of(poll: Poll, tally: Tally) -> Results:
    """What a reader who may not see the totals gets: the phase and nothing derived from votes."""
    phase = poll.phase(tally.now)
    return Results(
        poll=poll.id,
        epoch=tally.epoch,
        seq=0,
        phase=phase,
        final=phase.is_over,
        as_of=format_instant(tally.now),
        closes_at=_time(poll.closes_at),
        hidden=True,
        resolution=resolution_document(poll) or msgspec.UNSET,
    )


def is_newer(epoch: str, seq: int, than_epoch: str, than_seq: int) -> bool:
    """Whether a reader that holds one position replaces it by the other: unless older."""
    return (epoch, seq) >= (than_epoch, than_seq)


def _time(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
