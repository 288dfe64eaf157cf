"""Who may see which totals: one rule, asked by every channel.

Whoever serves totals (HTTP, sockets, events, exports, answers to votes) asks
``may_see_totals`` and nothing else.
"""

from __future__ import annotations

from enum import Enum

from pollwire_server.domain.poll import Poll, ResultsMode
from pollwire_server.domain.window import Phase


class ReaderRole(Enum):
    """What is known of who reads: anybody, somebody whose vote stands in the poll, or an operator."""

    PUBLIC = "public"
    VOTED = "voted"
    OPERATOR = "operator"


def may_see_totals(poll: Poll, phase: Phase, reader: ReaderRole) -> bool:
    """Whether ``reader`` may see the totals of ``poll`` while it is in ``phase``."""
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
