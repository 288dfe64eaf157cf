"""Timestamps: RFC 3339 text on the wire, whole milliseconds since the Unix epoch everywhere else.

The service formats every time in UTC with milliseconds. It also accepts local times together with an IANA
time zone, because an operator plans a poll by the clock on the wall. A local time that a clock change skips
or repeats does not name one instant, so it is rejected instead of guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta

from pollwire_server.domain.errors import InvalidPoll

TimestampText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time in a response: RFC 3339, UTC, with milliseconds."""

MAX_TIMESTAMP_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can express."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d(:\d{2}(\.\d{1,9})?)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)
_HAS_SECONDS = re.compile(r"[Tt ]\d\d:\d\d:", re.ASCII)


def parse_timestamp(text: str, timezone: str | None, field: str) -> int:
    """Return the milliseconds since the epoch of an RFC 3339 time, or of a local time in ``timezone``.

    A local time may omit its seconds, because HTML date inputs do. ``timezone`` is an IANA name. Raises
    ``InvalidPoll`` for ``field``: unreadable text, a local time without a zone, and a local time that a clock
    change skips or repeats.
    """
    if not _RFC3339.fullmatch(text):
        raise InvalidPoll(field, f"{field} must be a time such as 2024-07-02T08:00:00Z, not {text[:40]!r}.")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise InvalidPoll(field, f"{field} is not a valid date and time: {text!r}.") from None
    # RFC 3339, section 5.6: with an offset, seconds are mandatory.
    if moment.tzinfo is not None and not _HAS_SECONDS.search(text):
        raise InvalidPoll(field, f"{field} has no seconds. With an offset, write for example 08:00:00Z.")
    if moment.tzinfo is None:
        if timezone is None:
            raise InvalidPoll(
                field, f"{field} has no UTC offset. End it with Z or +hh:mm, or send a timezone."
            )
        moment = _localized(moment, load_timezone(timezone), field)
    instant = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= instant <= MAX_TIMESTAMP_MS:
        raise InvalidPoll(field, f"{field} must lie between the years 1970 and 9999.")
    return instant


def load_timezone(timezone: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises ``InvalidPoll`` for an unknown name.

    Every IANA name starts with a capital letter. The other files in a machine's zone folder (``localtime``,
    ``posixrules``, ``right/``) mean something on that machine only, so they are rejected.
    """
    try:
        if not timezone[:1].isupper():
            raise ValueError(timezone)
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # absent, malformed, or a folder of zones
        raise InvalidPoll(
            "timezone", f"{timezone[:60]!r} is not an IANA time zone such as Africa/Accra."
        ) from None


def format_timestamp(instant: int) -> str:
    """Return ``instant`` as RFC 3339 text in UTC, with milliseconds and ``Z``."""
    seconds, milliseconds = divmod(instant, 1000)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def format_optional_timestamp(instant: int | None) -> str | None:
    """Return the formatted time, or None if there is none."""
    return None if instant is None else format_timestamp(instant)


def _localized(naive: datetime, zone: ZoneInfo, field: str) -> datetime:
    """Attach ``zone`` to a local time. Raises ``InvalidPoll`` if the time occurs twice or never (PEP 495)."""
    earlier, later = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() != later.utcoffset():
        exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
        text = f"{naive:%H:%M}"
        detail = (
            f"{text} occurs twice in {zone.key} on that day (clocks go back); add a UTC offset."
            if exists
            else f"{text} does not exist in {zone.key} on that day (clocks go forward)."
        )
        raise InvalidPoll(field, f"{field}: {detail}")
    return earlier
