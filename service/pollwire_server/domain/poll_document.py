"""JSON document of a poll, for operators and the public.

Every channel uses this one builder: the public endpoint, the admin responses and the lists. All fields are
always present, so a client never has to check whether a key exists.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pollwire_server.domain.forecast import MICRO
from pollwire_server.domain.identifiers import Identifier
from pollwire_server.domain.poll import (
    Choices,
    CrowdScore,
    Identity,
    Kind,
    Option,
    Poll,
    Resolution,
    ResultsMode,
    Revote,
    Scale,
    Ties,
)
from pollwire_server.domain.timestamps import TimestampText, format_optional_timestamp, format_timestamp
from pollwire_server.domain.window import Phase

Document = dict[str, object]
"""A JSON object, ready to be encoded."""


class OptionDocument(msgspec.Struct, frozen=True):
    """An option of a poll."""

    id: str
    label: str
    image: str | UnsetType = UNSET
    capacity: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class CrowdScoreDocument(msgspec.Struct, frozen=True):
    """The scores of the mean forecast."""

    brier: float
    baseline: float
    peer: float


class ResolutionDocument(msgspec.Struct, frozen=True):
    """Resolution of a prediction. ``outcome`` is null if the prediction is void."""

    outcome: str | None
    at: TimestampText
    effective_at: TimestampText
    by: str
    version: int
    note: str | None
    source: str | None
    """An https URL with evidence of the outcome."""
    forecasters: int | UnsetType = UNSET
    """The number of scored forecasts. This field and the next one are for readers who may see totals."""
    crowd: CrowdScoreDocument | UnsetType | None = UNSET


class ScoredDocument(msgspec.Struct, frozen=True):
    """The scored forecasts of a resolution."""

    forecasters: int
    crowd: CrowdScoreDocument | None


class PollDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A poll with its current phase. Every field is always present."""

    id: Identifier
    kind: Kind
    question: str
    description: str | None
    options: list[OptionDocument]
    choices: Choices | None
    scale: Scale | None
    forecast: bool
    ordered: bool
    opens_at: TimestampText
    closes_at: TimestampText | None
    visible_at: TimestampText | None
    timezone: str | None
    revote: Revote
    identity: Identity
    issuer: str | None
    results: ResultsMode
    series: str | None
    resolve_by: TimestampText | None
    shards: int
    ties: Ties | None
    tie_seed: str | None
    origins: tuple[str, ...] | None
    network_tags: bool
    shuffle: bool
    lang: str | None
    phase: Phase
    resolution: ResolutionDocument | None
    planned_closes_at: TimestampText | None
    created_at: TimestampText
    version: int


def poll_document(poll: Poll, now: int) -> PollDocument:
    """Return the poll at ``now`` (ms, the store's clock). Times are RFC 3339; ``phase`` is that of ``now``.

    A field that does not apply is null: ``choices`` except for ``multiple``, ``scale`` except for ``rating``,
    ``ties`` and ``tie_seed`` except for ``ranked``, ``issuer`` except for signed voters, ``series`` and
    ``resolve_by`` except for predictions, and ``resolution`` until the poll is resolved.
    """
    return PollDocument(
        id=poll.id,
        kind=poll.kind,
        question=poll.question,
        description=poll.description,
        options=[_option_document(option) for option in poll.options],
        choices=poll.choices,
        scale=poll.scale,
        forecast=poll.forecast,
        ordered=poll.ordered,
        opens_at=format_timestamp(poll.opens_at),
        closes_at=format_optional_timestamp(poll.closes_at),
        visible_at=format_optional_timestamp(poll.visible_at),
        timezone=poll.timezone,
        revote=poll.revote,
        identity=poll.identity,
        issuer=poll.issuer,
        results=poll.results,
        series=poll.series,
        resolve_by=format_optional_timestamp(poll.resolve_by),
        shards=1,  # a whole poll lives in one slot
        ties=poll.ties if poll.kind is Kind.RANKED else None,
        tie_seed=poll.lot_seed if poll.kind is Kind.RANKED else None,
        origins=poll.origins,
        network_tags=poll.network_tags,
        shuffle=poll.shuffle,
        lang=poll.lang,
        phase=poll.phase(now),
        resolution=resolution_document(poll, with_crowd=poll.results is not ResultsMode.OPERATORS),
        planned_closes_at=format_optional_timestamp(poll.planned_closes_at),
        created_at=format_timestamp(poll.created_at),
        version=poll.version,
    )


def resolution_document(poll: Poll, *, with_crowd: bool = False) -> ResolutionDocument | None:
    """Return the resolution, or None if there is none. ``outcome`` null means that the prediction is void.

    ``with_crowd`` adds the number of forecasts and the crowd's scores, for readers who may see totals.
    """
    resolution = poll.resolution
    if resolution is None:
        return None
    scored = scored_document(poll) if with_crowd else None
    return ResolutionDocument(
        outcome=poll.outcome,
        at=format_timestamp(resolution.at),
        effective_at=format_timestamp(resolution.effective_at),
        by=resolution.by,
        version=resolution.version,
        note=resolution.note,
        source=resolution.source,
        forecasters=UNSET if scored is None else scored.forecasters,
        crowd=UNSET if scored is None else scored.crowd,
    )


def scored_document(poll: Poll) -> ScoredDocument | None:
    """Return the number of scored forecasts and the crowd's scores; None if no forecasts were scored."""
    resolution = poll.resolution
    if resolution is None or resolution.forecasters is None:
        return None
    return ScoredDocument(resolution.forecasters, _crowd_of(resolution))


def _crowd_of(resolution: Resolution) -> CrowdScoreDocument | None:
    return None if resolution.crowd is None else crowd_score_document(resolution.crowd)


def crowd_score_document(crowd: CrowdScore) -> CrowdScoreDocument:
    """Return the crowd's scores as numbers of the wire, from millionths."""
    return CrowdScoreDocument(crowd.brier / MICRO, crowd.baseline / MICRO, crowd.peer / MICRO)


def _option_document(option: Option) -> OptionDocument:
    return OptionDocument(
        option.id,
        option.label,
        UNSET if option.image is None else option.image,
        UNSET if option.capacity is None else option.capacity,
    )
