"""Voting window, phases, and the lifecycle actions that change them.

A vote counts if ``opens_at <= t < closes_at``. Nothing here schedules anything: the phase is computed on
demand from the clock and the actions of operators. The ``cast`` function of the store applies the same rules
with the store's own clock (``store/functions/``). A test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """The phase of a poll's lifecycle."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    RESOLVED = "resolved"
    CANCELED = "canceled"
    ARCHIVED = "archived"

    @property
    def is_over(self) -> bool:
        """Return True if voting has ended. Only an operator's ``reopen`` can change that."""
        return self not in (Phase.SCHEDULED, Phase.OPEN)


class LifecycleAction(StrEnum):
    """An operator's action on the lifecycle of a poll."""

    OPEN = "open"
    CLOSE = "close"
    REOPEN = "reopen"
    PUBLISH = "publish"
    CANCEL = "cancel"
    ARCHIVE = "archive"
    RESET = "reset"


_UNFINISHED: Final = frozenset({Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED})

TRANSITIONS: Final[dict[LifecycleAction, tuple[frozenset[Phase], Phase | None]]] = {
    # action: (the phases it may start from, the phase it leads to; None: the phase does not change)
    LifecycleAction.OPEN: (frozenset({Phase.SCHEDULED}), Phase.OPEN),
    LifecycleAction.CLOSE: (frozenset({Phase.OPEN}), Phase.CLOSED),
    LifecycleAction.REOPEN: (frozenset({Phase.CLOSED}), Phase.OPEN),
    LifecycleAction.PUBLISH: (frozenset(Phase), None),
    LifecycleAction.CANCEL: (_UNFINISHED, Phase.CANCELED),
    LifecycleAction.ARCHIVE: (frozenset({Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED}), Phase.ARCHIVED),
    LifecycleAction.RESET: (_UNFINISHED, None),
}
"""Allowed transitions. Repeating an action that is already in effect is not a conflict."""


def phase_at(
    now: int,
    *,
    opens_at: int,
    closes_at: int | None,
    closed_at: int | None,
    ended: Phase | None = None,
    is_resolved: bool = False,
    resolve_by: int | None = None,
) -> Phase:
    """Return the phase at ``now``. All times are milliseconds since the epoch.

    ``closed_at`` is set by the first operation that observes the end of the window; the poll then stays
    closed. ``ended`` is the phase in which an operator ended the poll (canceled or archived); no clock
    changes it. An unresolved prediction is canceled at ``resolve_by``, whether or not it was closed before.
    """
    if ended is not None:
        return ended
    if is_resolved:
        return Phase.RESOLVED
    if resolve_by is not None and now >= resolve_by:
        return Phase.CANCELED
    if closed_at is not None or (closes_at is not None and now >= closes_at):
        return Phase.CLOSED
    return Phase.OPEN if now >= opens_at else Phase.SCHEDULED
