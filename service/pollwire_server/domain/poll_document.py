"""A poll as the JSON document that operators and the public read.

One builder for every channel: the public read, the operators' answers and the
lists carry the same fields, all of them always present, so that no client has
to ask whether a key exists.
"""

from __future__ import annotations

from pollwire_server.domain.poll import Choices, Option, Poll, Scale
from pollwire_server.domain.window import format_instant

Document = dict[str, object]
"""A JSON object, ready to be encoded."""


def poll_document(poll: Poll, now: int) -> Document:
    """The poll at ``now`` (ms, the store's clock): times in RFC 3339, ``phase`` as it is at that instant.

    ``choices`` is null but for ``multiple``, ``scale`` but for ``rating``.
    ``issuer`` is null but for signed voters.
    ``series`` and ``resolve_by`` are null but for predictions, ``resolution``
    is until one stands, and ``forecast`` false where a voter picks.
    """
    return {
        "id": poll.id,
        "kind": poll.kind.value,
        "question": poll.question,
        "description": poll.description,
        "options": [_option_document(option) for option in poll.options],
        "choices": _bounds_document(poll.choices),
        "scale": _bounds_document(poll.scale),
        "forecast": False,
        "opens_at": format_instant(poll.opens_at),
        "closes_at": _time(poll.closes_at),
        "visible_at": _time(poll.visible_at),
        "timezone": poll.timezone,
        "revote": poll.revote.value,
        "identity": poll.identity.value,
        "issuer": poll.issuer,
        "results": poll.results.value,
        "series": poll.series,
        "resolve_by": _time(poll.resolve_by),
        "shards": 1,  # one slot holds a whole poll
        "origins": None if poll.origins is None else list(poll.origins),
        "network_tags": poll.network_tags,
        "shuffle": poll.shuffle,
        "lang": poll.lang,
        "phase": poll.phase(now).value,
        "resolution": resolution_document(poll),
        "planned_closes_at": _time(poll.planned_closes_at),
        "created_at": format_instant(poll.created_at),
        "version": poll.version,
    }


def resolution_document(poll: Poll) -> Document | None:
    """What the poll has come to; ``outcome`` null means that it was annulled. None where nothing stands."""
    held = poll.resolution
    if held is None:
        return None
    return {
        "outcome": poll.outcome,
        "at": format_instant(held.at),
        "effective_at": format_instant(held.effective_at),
        "by": held.by,
        "version": held.version,
        "note": held.note,
    }


def _option_document(option: Option) -> Document:
    """The option without its stored code, which is nobody's business outside."""
    document: Document = {"id": option.id, "label": option.label}
    if option.image is not None:
        document["image"] = option.image
    if option.capacity is not None:
        document["capacity"] = option.capacity
    return document


def _bounds_document(bounds: Choices | Scale | None) -> Document | None:
    return None if bounds is None else {"min": bounds.min, "max": bounds.max}


def _time(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
