"""When a poll takes votes: instants, the window, phases and the acts that move them.

A vote counts when ``opens_at <= t < closes_at``. Nothing here schedules
anything: a phase is derived from the clock and from what operators did, each
time somebody asks. The counting step in the store applies the same rules with
the store's own clock (``store/functions/``); a test holds the two together.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pollwire_server.domain.errors import InvalidPoll

LATEST_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write."""

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d(:\d{2}(\.\d{1,9})?)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)


_HAS_SECONDS = re.compile(r"[Tt ]\d\d:\d\d:", re.ASCII)


class Phase(StrEnum):
    """Where a poll is in its life."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    RESOLVED = "resolved"
    CANCELED = "canceled"
    ARCHIVED = "archived"

    @property
    def is_over(self) -> bool:
        """Whether voting has ended (an operator's reopen aside)."""
        return self not in (Phase.SCHEDULED, Phase.OPEN)


class LifecycleAction(StrEnum):
    """What an operator may do to a poll's life."""

    OPEN = "open"
    CLOSE = "close"
    REOPEN = "reopen"
    PUBLISH = "publish"
    CANCEL = "cancel"
    ARCHIVE = "archive"
    RESET = "reset"


_BEFORE_AN_END: Final = frozenset({Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED})

ACTS: Final[dict[LifecycleAction, tuple[frozenset[Phase], Phase | None]]] = {
    # act: (the phases it may start from, the phase it leads to; None: the poll stays where it is)
    LifecycleAction.OPEN: (frozenset({Phase.SCHEDULED}), Phase.OPEN),
    LifecycleAction.CLOSE: (frozenset({Phase.OPEN}), Phase.CLOSED),
    LifecycleAction.REOPEN: (frozenset({Phase.CLOSED}), Phase.OPEN),
    LifecycleAction.PUBLISH: (frozenset(Phase), None),
    LifecycleAction.CANCEL: (_BEFORE_AN_END, Phase.CANCELED),
    LifecycleAction.ARCHIVE: (frozenset({Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED}), Phase.ARCHIVED),
    LifecycleAction.RESET: (_BEFORE_AN_END, None),
}
"""Who may go from where to where. A repeat of the act that stands is no conflict."""


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
    """The phase at ``now``.

    ``closed_at`` is the latch, set once the window was seen closed. ``ended`` is the phase that an operator
    ended the poll with (canceled, archived); no clock moves it. A prediction that ``is_resolved`` is so; one
    that is not by ``resolve_by`` is canceled, whether it was closed or not.
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


def parse_instant(text: str, timezone: str | None, field: str) -> int:
    """Milliseconds since the epoch for an RFC 3339 time, or for a local time in ``timezone`` (an IANA name).

    A local time, which is no RFC 3339, may come without seconds, as pages' inputs give it. Raises
    ``InvalidPoll`` (with ``field``) for a naive time without a zone, and for a
    local time that a clock change skips or doubles.
    """
    if not _RFC3339.fullmatch(text):
        raise InvalidPoll(field, f"{field} must be a time such as 2024-07-02T08:00:00Z, not {text[:40]!r}.")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise InvalidPoll(field, f"{field} is not a time that exists: {error}.") from None
    # RFC 3339, section 5.6: seconds are no option there.
    if moment.tzinfo is not None and not _HAS_SECONDS.search(text):
        raise InvalidPoll(field, f"{field} has no seconds; write 08:00:00, say, before the offset.")
    if moment.tzinfo is None:
        if timezone is None:
            raise InvalidPoll(
                field, f"{field} has no offset; end it with Z or +hh:mm, or give a timezone beside it."
            )
        moment = _localized(moment, zone_named(timezone), field)
    instant = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if not 0 <= instant <= LATEST_MS:
        raise InvalidPoll(field, f"{field} must lie between the years 1970 and 9999.")
    return instant


def zone_named(timezone: str) -> ZoneInfo:
    """The zone of an IANA name; ``InvalidPoll`` where there is none.

    Every IANA name begins with a capital; what else a machine's zone folder
    holds (``localtime``, ``posixrules``, ``right/``) means something there alone.
    """
    try:
        if not timezone[:1].isupper():
            raise ValueError(timezone)
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # absent, malformed, or a folder of zones
        raise InvalidPoll(
            "timezone", f"{timezone[:60]!r} is not an IANA time zone such as Africa/Accra."
        ) from None


def format_instant(instant: int) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z``, as every answer writes times."""
    seconds, milliseconds = divmod(instant, 1000)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _localized(naive: datetime, zone: ZoneInfo, field: str) -> datetime:
    """The local time in ``zone``, refused where the zone's clock shows it twice or never (PEP 495)."""
    earlier, later = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() != later.utcoffset():
        exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
        happens = "shows this time twice" if exists else "skips this time"
        raise InvalidPoll(field, f"The clock of {zone.key} {happens} ({field}); write it with an offset.")
    return earlier
