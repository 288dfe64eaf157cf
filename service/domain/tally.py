"""Results: what was counted, as it is told to readers.

A ``Tally`` is what the store read in one step. ``results_of`` makes of it the
one object that HTTP, every socket frame and every event carry.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from service.domain.poll import Poll
from service.domain.window import Phase, format_instant


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


def results_of(poll: Poll, tally: Tally) -> Results:
    """What a reader who may see the totals gets; every option is there, in the poll's order."""
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
        counts={option.id: tally.counts.get(option.code, 0) for option in poll.options},
    )


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
    )


def is_newer(epoch: str, seq: int, than_epoch: str, than_seq: int) -> bool:
    """Whether a reader that holds one position replaces it by the other: unless older."""
    return (epoch, seq) >= (than_epoch, than_seq)


def _time(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
