"""What happens to polls, as it is told to the sites that asked (webhooks), and to whom its totals are shown.

An event is written by the very step that it tells of, with the totals of that
step. A site is a reader like any other: it gets what the public would see at
that instant, unless an operator made its webhook for the totals that
operators see. Before a poll's ``visible_at`` the public knows nothing of it,
so then only the id, which the site needs, is told.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pollwire_server.domain.poll import Poll
from pollwire_server.domain.poll_document import Document
from pollwire_server.domain.tally import Tally, hidden_results_of, results_of
from pollwire_server.domain.visibility import ReaderRole, may_see_totals
from pollwire_server.domain.window import format_instant


class EventKind(StrEnum):
    """What happened."""

    OPENED = "poll.opened"
    PROGRESS = "poll.progress"
    CLOSED = "poll.closed"
    RESOLVED = "poll.resolved"
    CORRECTED = "poll.corrected"
    CANCELED = "poll.canceled"


class Audience(StrEnum):
    """Whose totals a site is sent."""

    PUBLIC = "public"
    OPERATORS = "operators"


class Event(msgspec.Struct, frozen=True):
    """One thing that happened to a poll; ``poll`` and ``tally`` as they stood right after it."""

    id: str
    """The same wherever and however often it is told."""
    kind: EventKind
    at: int
    """When it happened; ``tally.now`` is when it was seen, later for what the clock does alone."""
    poll: Poll
    tally: Tally


def payload_of(event: Event, audience: Audience) -> Document:
    """``{"type", "timestamp", "data"}``, as the Standard Webhooks convention has it."""
    poll, phase = event.poll, event.poll.phase(event.tally.now)
    reader = ReaderRole.OPERATOR if audience is Audience.OPERATORS else ReaderRole.PUBLIC
    knows = reader is ReaderRole.OPERATOR or poll.is_visible(event.tally.now)
    shown = results_of if knows and may_see_totals(poll, phase, reader) else hidden_results_of
    data: Document = {
        "poll": poll.id,
        "question": poll.question if knows else None,
        "phase": phase.value,
        "results": msgspec.to_builtins(shown(poll, event.tally)),
    }
    return {"type": event.kind.value, "timestamp": format_instant(event.at), "data": data}
