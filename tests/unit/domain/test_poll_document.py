"""JSON document of a poll."""

from __future__ import annotations

import msgspec
from pollwire_server.domain.poll import Choices, Kind, Option, Poll
from pollwire_server.domain.poll_document import poll_document

T0 = 1_719_907_200_000
FIELDS = {
    *("id", "kind", "question", "description", "options", "choices", "scale", "forecast", "ordered"),
    *("opens_at", "closes_at", "visible_at", "timezone", "revote", "identity", "issuer"),
    *("results", "series", "resolve_by"),
    *("shards", "ties", "tie_seed", "origins", "network_tags", "shuffle", "lang", "phase", "resolution"),
    *("planned_closes_at", "created_at", "version"),
}


def a_poll(**changes: object) -> Poll:
    poll = Poll(
        id="lunch",
        kind=Kind.SINGLE,
        question="Rice or yam?",
        options=(Option("rice", "Rice", "A"), Option("yam", "Yam", "B", "/yam.png")),
        opens_at=T0,
        closes_at=T0 + 1000,
        created_at=T0 - 1,
    )
    return msgspec.structs.replace(poll, **changes)


def fields_of(poll: Poll, now: int) -> dict[str, object]:
    """Return the document as it is sent."""
    fields: dict[str, object] = msgspec.json.decode(msgspec.json.encode(poll_document(poll, now)))
    return fields


def test_document_has_every_field() -> None:
    assert set(fields_of(a_poll(), T0)) == FIELDS


def test_document_times_are_utc_with_milliseconds() -> None:
    document = fields_of(a_poll(), T0)
    assert document["opens_at"] == "2024-07-02T08:00:00.000Z"
    assert document["closes_at"] == "2024-07-02T08:00:01.000Z"
    assert document["visible_at"] is None


def test_document_phase_is_computed_for_now() -> None:
    phases = [fields_of(a_poll(), at)["phase"] for at in (T0 - 1, T0, T0 + 1000)]
    assert phases == ["scheduled", "open", "closed"]


def test_document_options_omit_codes() -> None:
    assert fields_of(a_poll(), T0)["options"] == [
        {"id": "rice", "label": "Rice"},
        {"id": "yam", "label": "Yam", "image": "/yam.png"},
    ]


def test_document_has_choices_only_for_multiple() -> None:
    multiple = a_poll(kind=Kind.MULTIPLE, choices=Choices(1, 2))
    assert fields_of(multiple, T0)["choices"] == {"min": 1, "max": 2}
    assert fields_of(a_poll(), T0)["choices"] is None


def test_document_has_the_timezone() -> None:
    assert fields_of(a_poll(timezone="Africa/Accra"), T0)["timezone"] == "Africa/Accra"
    assert fields_of(a_poll(), T0)["timezone"] is None
