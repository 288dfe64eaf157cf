"""Voting window, phases and timestamps."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.timestamps import (
    MAX_TIMESTAMP_MS,
    format_timestamp,
    load_timezone,
    parse_timestamp,
)
from pollwire_server.domain.window import TRANSITIONS, LifecycleAction, Phase, phase_at

from tests.unit.domain.strategies import instants

ZONES = st.sampled_from(
    [
        "Africa/Accra",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kolkata",
    ]
)
SPANS = st.integers(1, 10**12)


def refused(text: str, timezone: str | None = None) -> InvalidPoll:
    with pytest.raises(InvalidPoll) as refusal:
        parse_timestamp(text, timezone, "closes_at")
    return refusal.value


@given(opens_at=instants, length=SPANS)
def test_window_includes_opens_at_and_excludes_closes_at(opens_at: int, length: int) -> None:
    closes_at = opens_at + length

    def phase(now: int) -> Phase:
        return phase_at(now, opens_at=opens_at, closes_at=closes_at, closed_at=None)

    assert phase(opens_at - 1) is Phase.SCHEDULED
    assert phase(opens_at) is Phase.OPEN
    assert phase(closes_at - 1) is Phase.OPEN
    assert phase(closes_at) is Phase.CLOSED


@given(opens_at=instants, later=SPANS)
def test_window_without_closes_at_stays_open(opens_at: int, later: int) -> None:
    assert phase_at(opens_at + later, opens_at=opens_at, closes_at=None, closed_at=None) is Phase.OPEN


@given(now=instants, opens_at=instants, length=SPANS, closed_at=instants)
def test_closed_at_overrides_the_clock(now: int, opens_at: int, length: int, closed_at: int) -> None:
    closes_at = opens_at + length
    assert phase_at(now, opens_at=opens_at, closes_at=closes_at, closed_at=closed_at) is Phase.CLOSED


def test_is_over_except_scheduled_and_open() -> None:
    assert [phase for phase in Phase if not phase.is_over] == [Phase.SCHEDULED, Phase.OPEN]


def test_transitions_match_documentation() -> None:
    living = {Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED}
    assert {act: (set(sources), target) for act, (sources, target) in TRANSITIONS.items()} == {
        LifecycleAction.OPEN: ({Phase.SCHEDULED}, Phase.OPEN),
        LifecycleAction.CLOSE: ({Phase.OPEN}, Phase.CLOSED),
        LifecycleAction.REOPEN: ({Phase.CLOSED}, Phase.OPEN),
        LifecycleAction.PUBLISH: (set(Phase), None),
        LifecycleAction.CANCEL: (living, Phase.CANCELED),
        LifecycleAction.ARCHIVE: ({Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED}, Phase.ARCHIVED),
        LifecycleAction.RESET: (living, None),
    }


@given(instant=instants)
@example(instant=0)
@example(instant=MAX_TIMESTAMP_MS)
def test_timestamp_roundtrips_through_text(instant: int) -> None:
    text = format_timestamp(instant)
    assert parse_timestamp(text, None, "opens_at") == instant
    assert len(text) == len("2024-07-02T00:00:00.000Z")


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - local by intent
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_offset_is_subtracted(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{sign}{hours:02d}:{rest:02d}"
    expected = moment.replace(microsecond=0, tzinfo=UTC) - timedelta(minutes=minutes)
    assert parse_timestamp(text, None, "opens_at") == expected.timestamp() * 1000
    assert parse_timestamp(text, "Asia/Kolkata", "opens_at") == expected.timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-07-02T00:00:00Z", 1_719_878_400_000),
        ("2024-07-02t00:00:00z", 1_719_878_400_000),
        ("2024-07-02 00:00:00Z", 1_719_878_400_000),
        ("2024-07-02T00:00:00.5Z", 1_719_878_400_500),
        ("2024-07-02T00:00:00.123999999Z", 1_719_878_400_123),
        ("2024-07-02T05:30:00+05:30", 1_719_878_400_000),
        ("1970-01-01T00:00:00-00:00", 0),
    ],
)
def test_rfc_3339_variants_are_accepted(text: str, instant: int) -> None:
    assert parse_timestamp(text, None, "opens_at") == instant


def test_local_time_in_accra_is_utc() -> None:
    assert parse_timestamp("2024-07-02T00:00", "Africa/Accra", "opens_at") == 1_719_878_400_000
    assert parse_timestamp("2024-11-01T00:00", "Africa/Accra", "closes_at") == 1_730_419_200_000


def test_local_time_uses_offset_of_that_day() -> None:
    assert parse_timestamp("2024-07-01T02:00", "Europe/Berlin", "opens_at") == 1_719_792_000_000
    assert parse_timestamp("2024-01-01T01:00", "Europe/Berlin", "opens_at") == 1_704_067_200_000


def test_local_time_without_timezone_is_rejected() -> None:
    refusal = refused("2024-07-02T08:00:00")
    assert refusal.field == "closes_at"
    assert "offset" in refusal.detail


@pytest.mark.parametrize(
    ("text", "timezone"),
    [
        ("2024-03-31T02:30", "Europe/Berlin"),
        ("2024-03-31T02:00", "Europe/Berlin"),
        ("2024-03-10T02:59:59.999", "America/New_York"),
        ("2024-10-06T02:15", "Australia/Lord_Howe"),
        ("2011-12-30T12:00", "Pacific/Apia"),
    ],
)
def test_skipped_local_time_is_rejected(text: str, timezone: str) -> None:
    assert "does not exist in" in refused(text, timezone).detail


@pytest.mark.parametrize(
    ("text", "timezone"),
    [
        ("2024-10-27T02:00", "Europe/Berlin"),
        ("2024-11-03T01:30", "America/New_York"),
        ("2024-04-07T01:45", "Australia/Lord_Howe"),
    ],
)
def test_repeated_local_time_is_rejected(text: str, timezone: str) -> None:
    assert "twice" in refused(text, timezone).detail


@pytest.mark.parametrize("text", ["2024-03-31T01:59:59.999", "2024-03-31T03:00", "2024-10-27T03:00"])
def test_times_next_to_clock_change_are_accepted(text: str) -> None:
    assert parse_timestamp(text, "Europe/Berlin", "opens_at")


@given(instant=instants, name=ZONES)
def test_unambiguous_local_time_gives_its_instant(instant: int, name: str) -> None:
    assume(instant < MAX_TIMESTAMP_MS - 86_400_000)
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)).astimezone(ZoneInfo(name))
    assume(local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset())
    text = local.replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert parse_timestamp(text, name, "opens_at") == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-07-02",
        "20240702T080000Z",
        "02-07-2024T08:00:00Z",
        "2024-07-02T08:00:00Z\n",
        "2024-07-02T08:00:00 Z",
        "2024-07-02T08:00Z",
        "2024-07-02T08:00+02:00",
        "2024-02-30T00:00:00Z",
        "2024-07-02T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2024-07-02T08:00:00+24:00",
        "2024-07-02T08:00:00+05:60",
        "2024-W27-2T08:00:00Z",
        "٢٠٢٤-07-02T08:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_invalid_time_is_rejected(text: str) -> None:
    assert refused(text, "UTC").field == "closes_at"


@given(text=st.text() | st.from_regex(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2})?([Zz]|[+-]\d{2}:\d{2})?\Z"))
def test_arbitrary_text_is_parsed_or_rejected(text: str) -> None:
    with suppress(InvalidPoll):
        assert 0 <= parse_timestamp(text, "America/New_York", "opens_at") <= MAX_TIMESTAMP_MS


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nowhere/City",
        "Africa",
        "africa/accra",
        "Africa/Accra\n",
        "../etc/passwd",
        "/etc/localtime",
        "localtime",
        "right/UTC",
        "A\0B",
        "\ud800",
        "X" * 5000,
    ],
)
def test_invalid_timezone_is_rejected(name: str) -> None:
    with pytest.raises(InvalidPoll) as refusal:
        load_timezone(name)
    assert refusal.value.field == "timezone"
    assert len(refusal.value.detail) < 400
