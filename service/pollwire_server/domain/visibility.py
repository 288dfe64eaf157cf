"""Visibility of totals: the one rule that decides which readers see them.

Every channel that sends totals (HTTP, sockets, events, exports, vote responses) calls ``may_see_totals`` and
has no rule of its own.
"""

from __future__ import annotations

from enum import Enum

from pollwire_server.domain.poll import Poll, ResultsMode
from pollwire_server.domain.window import Phase


class ReaderRole(Enum):
    """The role of a reader: anonymous, a voter with a current vote in the poll, or an operator."""

    PUBLIC = "public"
    VOTED = "voted"
    OPERATOR = "operator"


def may_see_totals(poll: Poll, phase: Phase, reader: ReaderRole) -> bool:
    """Return True if ``reader`` may see the totals of ``poll`` while it is in ``phase``."""
    if reader is ReaderRole.OPERATOR:
        return True
    match poll.results:
        case ResultsMode.ALWAYS:
            return True
        case ResultsMode.AFTER_VOTE:
            return reader is ReaderRole.VOTED or phase.is_over
        case ResultsMode.AFTER_CLOSE:
            return phase.is_over
        case ResultsMode.OPERATORS:
            return False
