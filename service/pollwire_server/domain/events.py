"""Events of polls for webhooks, and the results that each audience receives.

The store step that makes a change also writes its event, together with the totals of that step. A webhook is
a reader like any other: it receives what the public sees at that instant. The exception is a webhook that an
operator created for the operators' results. Before a poll's ``visible_at`` the public does not see the poll,
so the event then carries the id, which the receiver needs, and neither the question nor any totals.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from pollwire_server.domain.instant_runoff import RunoffResult
from pollwire_server.domain.poll import Poll
from pollwire_server.domain.poll_document import Document, scored_document
from pollwire_server.domain.tally import Tally, hidden_results_of, results_of
from pollwire_server.domain.timestamps import format_timestamp
from pollwire_server.domain.visibility import ReaderRole, may_see_totals


class EventKind(StrEnum):
    """The type of an event."""

    OPENED = "poll.opened"
    PROGRESS = "poll.progress"
    CLOSED = "poll.closed"
    RESOLVED = "poll.resolved"
    CORRECTED = "poll.corrected"
    CANCELED = "poll.canceled"


_SCORING: Final = (EventKind.RESOLVED, EventKind.CORRECTED)


class WebhookEvent(StrEnum):
    """The events that a webhook can receive: those of polls, and entries of the service's audit log."""

    OPENED = "poll.opened"
    PROGRESS = "poll.progress"
    CLOSED = "poll.closed"
    RESOLVED = "poll.resolved"
    CORRECTED = "poll.corrected"
    CANCELED = "poll.canceled"
    AUDIT = "audit.recorded"


POLL_EVENTS: Final = tuple(WebhookEvent(kind) for kind in EventKind)
"""The events of a webhook that names none."""


class Audience(StrEnum):
    """The reader role that decides which results a webhook receives."""

    PUBLIC = "public"
    OPERATORS = "operators"


class Event(msgspec.Struct, frozen=True):
    """One change of a poll. ``poll`` and ``tally`` are the values right after the change."""

    id: str
    """The same for every webhook and every delivery attempt."""
    kind: EventKind
    at: int
    """The time of the change in ms.

    ``tally.now`` is the time of its detection, which is later for clock changes.
    """
    poll: Poll
    tally: Tally


def is_sent_to(event: Event, audience: Audience) -> bool:
    """Return False for a progress event if the audience may not see totals.

    Its arrival alone would reveal that a vote counted.
    """
    return event.kind is not EventKind.PROGRESS or _sees_totals(event, audience)


def _sees_poll(event: Event, audience: Audience) -> bool:
    return audience is Audience.OPERATORS or event.poll.is_visible(event.tally.now)


def _sees_totals(event: Event, audience: Audience) -> bool:
    reader = ReaderRole.OPERATOR if audience is Audience.OPERATORS else ReaderRole.PUBLIC
    phase = event.poll.phase(event.tally.now)
    return _sees_poll(event, audience) and may_see_totals(event.poll, phase, reader)


def payload_of(event: Event, audience: Audience, runoff: RunoffResult | None = None) -> Document:
    """Return ``{"type", "timestamp", "data"}``, as the Standard Webhooks convention defines it.

    ``runoff`` is the result of a ranked poll at the event's totals.
    """
    poll, phase = event.poll, event.poll.phase(event.tally.now)
    sees_poll = _sees_poll(event, audience)
    sees_totals = _sees_totals(event, audience)
    if sees_totals:
        results = results_of(poll, event.tally, runoff, with_rounds=False)
    else:
        results = hidden_results_of(poll, event.tally)
    data: Document = {
        "poll": poll.id,
        "question": poll.question if sees_poll else None,
        "phase": phase.value,
        "results": msgspec.to_builtins(results),
    }
    if event.kind in _SCORING:
        data["scored"] = msgspec.to_builtins(scored_document(poll)) if sees_totals else None
    return {"type": event.kind.value, "timestamp": format_timestamp(event.at), "data": data}
