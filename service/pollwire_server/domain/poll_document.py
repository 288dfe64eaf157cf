"""JSON document of a poll, for operators and the public.

Every channel uses this one builder: the public endpoint, the admin responses and the lists. All fields are
always present, so a client never has to check whether a key exists.
"""

from __future__ import annotations

from pollwire_server.domain.forecast import MICRO
from pollwire_server.domain.poll import Choices, CrowdScore, Kind, Option, Poll, ResultsMode, Scale
from pollwire_server.domain.timestamps import format_optional_timestamp, format_timestamp

Document = dict[str, object]
"""A JSON object, ready to be encoded."""


def poll_document(poll: Poll, now: int) -> Document:
    """Return the poll at ``now`` (ms, the store's clock). Times are RFC 3339; ``phase`` is that of ``now``.

    A field that does not apply is null: ``choices`` except for ``multiple``, ``scale`` except for ``rating``,
    ``ties`` and ``tie_seed`` except for ``ranked``, ``issuer`` except for signed voters, ``series`` and
    ``resolve_by`` except for predictions, and ``resolution`` until the poll is resolved.
    """
    return {
        "id": poll.id,
        "kind": poll.kind.value,
        "question": poll.question,
        "description": poll.description,
        "options": [_option_document(option) for option in poll.options],
        "choices": _bounds_document(poll.choices),
        "scale": _bounds_document(poll.scale),
        "forecast": poll.forecast,
        "ordered": poll.ordered,
        "opens_at": format_timestamp(poll.opens_at),
        "closes_at": format_optional_timestamp(poll.closes_at),
        "visible_at": format_optional_timestamp(poll.visible_at),
        "timezone": poll.timezone,
        "revote": poll.revote.value,
        "identity": poll.identity.value,
        "issuer": poll.issuer,
        "results": poll.results.value,
        "series": poll.series,
        "resolve_by": format_optional_timestamp(poll.resolve_by),
        "shards": 1,  # a whole poll lives in one slot
        "ties": poll.ties.value if poll.kind is Kind.RANKED else None,
        "tie_seed": poll.lot_seed if poll.kind is Kind.RANKED else None,
        "origins": None if poll.origins is None else list(poll.origins),
        "network_tags": poll.network_tags,
        "shuffle": poll.shuffle,
        "lang": poll.lang,
        "phase": poll.phase(now).value,
        "resolution": resolution_document(poll, with_crowd=poll.results is not ResultsMode.OPERATORS),
        "planned_closes_at": format_optional_timestamp(poll.planned_closes_at),
        "created_at": format_timestamp(poll.created_at),
        "version": poll.version,
    }


def resolution_document(poll: Poll, *, with_crowd: bool = False) -> Document | None:
    """Return the resolution, or None if there is none. ``outcome`` null means that the prediction is void.

    ``with_crowd`` adds the number of forecasts and the crowd's scores, for readers who may see totals.
    """
    resolution = poll.resolution
    if resolution is None:
        return None
    document: Document = {
        "outcome": poll.outcome,
        "at": format_timestamp(resolution.at),
        "effective_at": format_timestamp(resolution.effective_at),
        "by": resolution.by,
        "version": resolution.version,
        "note": resolution.note,
    }
    if with_crowd and resolution.forecasters is not None:
        document["forecasters"] = resolution.forecasters
        document["crowd"] = None if resolution.crowd is None else _points_document(resolution.crowd)
    return document


def _points_document(crowd: CrowdScore) -> Document:
    return {name: getattr(crowd, name) / MICRO for name in ("brier", "baseline", "peer")}


def _option_document(option: Option) -> Document:
    """Return the option without its stored code, which is internal."""
    document: Document = {"id": option.id, "label": option.label}
    if option.image is not None:
        document["image"] = option.image
    if option.capacity is not None:
        document["capacity"] = option.capacity
    return document


def _bounds_document(bounds: Choices | Scale | None) -> Document | None:
    return None if bounds is None else {"min": bounds.min, "max": bounds.max}
