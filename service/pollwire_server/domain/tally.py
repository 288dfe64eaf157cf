"""Results of a poll: the totals from the store, and their JSON form for readers.

The store reads a ``Tally`` in one step. ``results_of`` turns it into the one object that HTTP responses,
socket frames and events contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from pollwire_server.domain.crowd import Quartiles, crowd_of
from pollwire_server.domain.forecast import MICRO
from pollwire_server.domain.instant_runoff import Round, RunoffResult
from pollwire_server.domain.poll import Poll, Scale, code_of_value
from pollwire_server.domain.poll_document import ResolutionDocument, resolution_document
from pollwire_server.domain.timestamps import TimestampText, format_optional_timestamp, format_timestamp
from pollwire_server.domain.window import Phase


class Tally(msgspec.Struct, frozen=True):
    """One consistent read of a poll's totals, at ``now`` (ms, the store's clock)."""

    epoch: str
    """A time of the store in ms, as twelve hex digits. It changes only when history was lost or reset."""
    seq: int
    """Increases with every counted change, within one epoch."""
    voters: int
    counts: Mapping[str, int]
    """Votes by code. A code without votes may be absent. A forecast also has its sums and histograms
    (``forecast.totals_of``)."""
    now: int


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="results"):
    """The results object on the wire. Hidden results contain no numbers, and ``seq`` is 0."""

    poll: str
    epoch: str
    seq: int
    phase: Phase
    final: bool
    as_of: TimestampText
    closes_at: TimestampText | None
    hidden: bool = False
    voters: int | msgspec.UnsetType = msgspec.UNSET
    counts: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """Votes by option id or scale value. For a ranked poll, the first preferences."""
    mean: float | msgspec.UnsetType | None = msgspec.UNSET
    """The mean of a rating. Null while there are no votes."""
    forecast: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
    """The mean forecast by outcome, whose sum is exactly 1.

    This field and the next two are null while there are no forecasts.
    """
    spread: dict[str, Quartiles] | msgspec.UnsetType | None = msgspec.UNSET
    """The quartiles of each outcome."""
    mean_log: dict[str, float] | msgspec.UnsetType | None = msgspec.UNSET
    """The mean logarithm of the floored probability of each outcome, for previews of the peer score."""
    resolution: ResolutionDocument | msgspec.UnsetType = msgspec.UNSET
    """The resolution of a prediction. Present even if the totals are hidden."""
    rounds: tuple[Round, ...] | msgspec.UnsetType = msgspec.UNSET
    """The rounds of a ranked poll, in single responses only. Streams have the other fields of the runoff."""
    winner: str | msgspec.UnsetType | None = msgspec.UNSET
    """The winner by instant runoff, also while voting is open. Null without votes and in a declared tie."""
    leading: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """The ids of the options that lead a ranked poll by its own rule: the winner, or a declared tie."""
    tie_broken: bool | msgspec.UnsetType = msgspec.UNSET
    """True if a rule broke a tie in any round of a ranked poll."""
    tie: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """The ids of the options that share the victory, if the poll declares ties."""


LOG_DIGITS: Final = 6
"""Decimal places of ``mean_log``."""

MEAN_DIGITS: Final = 4
"""Decimal places of the mean: more than people read, and reproducible from the counts."""


def results_of(
    poll: Poll, tally: Tally, runoff: RunoffResult | None = None, *, with_rounds: bool = True
) -> Results:
    """Return the results for a reader who may see the totals.

    Every option or value is present, in the poll's order. ``runoff`` is the result of a ranked poll at the
    instant of the tally.
    """
    phase = poll.phase(tally.now)
    results = Results(
        poll=poll.id,
        epoch=tally.epoch,
        seq=tally.seq,
        phase=phase,
        final=phase.is_over,
        as_of=format_timestamp(tally.now),
        closes_at=format_optional_timestamp(poll.closes_at),
        voters=tally.voters,
        counts={name: tally.counts.get(code, 0) for name, code in poll.codes.items()},
        mean=msgspec.UNSET if poll.scale is None else _mean(poll.scale, tally),
        resolution=resolution_document(poll, with_crowd=True) or msgspec.UNSET,
    )
    if runoff is not None:
        results = _with_runoff(results, runoff, with_rounds)
    return _with_crowd(results, poll, tally) if poll.forecast else results


def _with_runoff(results: Results, runoff: RunoffResult, with_rounds: bool) -> Results:
    return msgspec.structs.replace(
        results,
        rounds=runoff.rounds if with_rounds else msgspec.UNSET,
        winner=runoff.winner,
        leading=runoff.leading,
        tie_broken=runoff.tie_broken,
        tie=runoff.tie or msgspec.UNSET,
    )


def _with_crowd(results: Results, poll: Poll, tally: Tally) -> Results:
    letters = list(poll.codes.values())
    crowd = crowd_of(letters, tally.counts, tally.voters)
    if crowd.mean is None or crowd.quartiles is None or crowd.mean_log is None:
        return msgspec.structs.replace(results, forecast=None, spread=None, mean_log=None)
    return msgspec.structs.replace(
        results,
        forecast={name: crowd.mean[code] / MICRO for name, code in poll.codes.items()},
        spread={name: crowd.quartiles[code] for name, code in poll.codes.items()},
        mean_log={name: round(crowd.mean_log[code], LOG_DIGITS) for name, code in poll.codes.items()},
    )


def _mean(scale: Scale, tally: Tally) -> float | None:
    if not tally.voters:
        return None
    total = sum(value * tally.counts.get(code_of_value(value), 0) for value in scale.values)
    return round(total / tally.voters, MEAN_DIGITS)


def hidden_results_of(poll: Poll, tally: Tally) -> Results:
    """Return the results for a reader who may not see the totals: the phase, and nothing derived from
    votes."""
    phase = poll.phase(tally.now)
    return Results(
        poll=poll.id,
        epoch=tally.epoch,
        seq=0,
        phase=phase,
        final=phase.is_over,
        as_of=format_timestamp(tally.now),
        closes_at=format_optional_timestamp(poll.closes_at),
        hidden=True,
        resolution=resolution_document(poll) or msgspec.UNSET,
    )


def is_newer(epoch: str, seq: int, than_epoch: str, than_seq: int) -> bool:
    """Return True if a reader at position ``than_*`` should accept this position: unless it is older."""
    return (epoch, seq) >= (than_epoch, than_seq)
