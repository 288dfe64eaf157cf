"""Edits of polls, with and without votes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.errors import EditRefused, InvalidPoll, PhaseConflict
from pollwire_server.domain.options import CODES, MAX_OPTIONS
from pollwire_server.domain.poll import WIDEST_FIRST, Choices, Identity, Kind, Poll, ResultsMode, Scale
from pollwire_server.domain.timestamps import parse_timestamp

from tests.unit.domain.drafts import CLOSING, NOW, OPENING, codes_of, ids_of, made, patched
from tests.unit.domain.strategies import option_ids

NUMBERED = [f"option-{number}" for number in range(MAX_OPTIONS)]
OPENED, CLOSED = parse_timestamp(OPENING, None, "opens_at"), parse_timestamp(CLOSING, None, "closes_at")
EVENING, NEXT_WEEK = "2024-12-01T20:00:00Z", "2024-12-08T00:00:00Z"


def a_windowed_poll(**changes: object) -> Poll:
    return made(opens_at=OPENING, closes_at=CLOSING, **changes)


def refused_field(poll: Poll, now: int = NOW, **changes: object) -> str:
    """Return the field of the ``EditRefused`` for an edit of a poll with votes."""
    with pytest.raises(EditRefused) as raised:
        patched(poll, now=now, voted=True, **changes)
    return raised.value.field


@pytest.mark.parametrize("voted", [False, True])
def test_edit_changes_named_fields_and_increments_version(voted: bool) -> None:
    poll = a_windowed_poll(description="Old.", lang="en")
    after = patched(poll, voted=voted, question="Who really wins?", lang=None)
    assert after == msgspec.structs.replace(poll, question="Who really wins?", lang=None, version=2)
    assert patched(after, voted=voted) == msgspec.structs.replace(after, version=3)


def test_every_field_is_editable_before_votes() -> None:
    after = patched(
        a_windowed_poll(),
        kind="multiple",
        question="Which?",
        description="Both?",
        revote="change",
        results="operators",
        origins=["https://news.example"],
        shuffle=True,
        lang="tw",
        visible_at=OPENING,
        opens_at="2024-11-30T00:00:00Z",
        closes_at=OPENING,
    )
    assert (after.kind, after.question, after.description) == (Kind.MULTIPLE, "Which?", "Both?")
    assert (after.revote, after.results, after.origins) == ("change", "operators", ("https://news.example",))
    assert (after.shuffle, after.lang, after.visible_at) == (True, "tw", OPENED)
    assert (after.opens_at, after.closes_at) == (OPENED - 86_400_000, OPENED)
    assert patched(made(), identity="open").identity is Identity.OPEN


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("question", {"question": ""}),
        ("opens_at", {"opens_at": None}),
        ("closes_at", {"closes_at": "2024-12-01T00:00"}),
        ("closes_at", {"opens_at": CLOSING, "closes_at": OPENING}),
        ("timezone", {"timezone": "Nowhere/City"}),
        ("options", {"options": "a"}),
        ("options[1].id", {"options": "aa"}),
        ("choices", {"choices": {"min": 1}}),
        ("scale", {"scale": {"min": 1}}),
        ("scale.max", {"kind": "rating", "scale": {"min": 5}}),
        ("options", {"kind": "rating", "options": "ab"}),
        ("revote", {"identity": "open", "revote": "change"}),
        ("id", {"id": "another"}),
        ("shards", {"shards": 1}),
    ],
)
def test_edit_to_invalid_poll_is_rejected(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidPoll) as raised:
        patched(made(), **changes)
    assert raised.value.field == field


@given(
    before=st.lists(option_ids, min_size=2, max_size=20, unique=True),
    added=st.lists(option_ids, max_size=20),
    data=st.data(),
)
def test_existing_options_keep_codes_after_votes(
    before: list[str], added: list[str], data: st.DataObject
) -> None:
    poll = made(options=before)
    ids = data.draw(st.permutations(list(dict.fromkeys(before + added))))
    after = patched(poll, voted=True, options=ids)
    assert ids_of(after) == ids
    assert codes_of(poll).items() <= codes_of(after).items()
    assert len(set(codes_of(after).values())) == len(ids)


@given(before=st.integers(2, MAX_OPTIONS), data=st.data())
def test_option_cannot_be_removed_after_votes(before: int, data: st.DataObject) -> None:
    poll = made(options=NUMBERED[:before])
    remaining_options = data.draw(
        st.lists(st.sampled_from(NUMBERED[:before]), max_size=before - 1, unique=True)
    )
    newcomers = [
        f"new-{number}" for number in range(data.draw(st.integers(0, MAX_OPTIONS - len(remaining_options))))
    ]
    assert refused_field(poll, options=remaining_options + newcomers) == "options"


def test_codes_suffice_for_maximum_options() -> None:
    poll = made(options=NUMBERED[:2])
    for most in range(3, MAX_OPTIONS + 1):
        poll = patched(poll, voted=True, options=NUMBERED[:most])
    assert "".join(codes_of(poll).values()) == CODES[:MAX_OPTIONS]
    with pytest.raises(InvalidPoll, match="at most 50"):
        patched(poll, voted=True, options=[*NUMBERED, "one-more"])


def test_labels_are_editable_after_votes() -> None:
    edited_options = [
        {"id": name, "label": f"New Patriotic Party {name}", "image": f"/{name}.png"} for name in "abc"
    ]
    after = patched(made(), voted=True, options=edited_options)
    assert after.options[0].label == "New Patriotic Party a"
    assert after.options[0].image == "/a.png"


def test_options_are_replaceable_before_votes() -> None:
    after = patched(made(), options="xcy")
    assert codes_of(after) == {"x": "A", "c": "B", "y": "C"}


def test_option_cannot_be_added_to_closed_poll_with_votes() -> None:
    poll = a_windowed_poll()
    assert ids_of(patched(poll, now=CLOSED - 1, voted=True, options="abcd")) == list("abcd")
    assert refused_field(poll, now=CLOSED, options="abcd") == "options"
    assert ids_of(patched(poll, now=CLOSED, voted=False, options="abcd")) == list("abcd")


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("kind", {"kind": "prediction"}),
        ("kind", {"kind": "multiple"}),
        ("kind", {"kind": "rating"}),
        ("kind", {"kind": "ranked"}),
        ("identity", {"identity": "open"}),
    ],
)
def test_kind_and_identity_are_fixed_after_votes(field: str, changes: dict[str, Any]) -> None:
    assert refused_field(made(), **changes) == field


@pytest.mark.parametrize("bounds", [{"min": 2, "max": 2}, {"min": 1, "max": 3}, {"min": 1, "max": 1}, None])
def test_choices_are_fixed_after_votes(bounds: object) -> None:
    poll = made(kind="multiple", choices={"min": 1, "max": 2})
    assert refused_field(poll, choices=bounds) == "choices"
    assert patched(poll, voted=True, choices={"min": 1, "max": 2}).choices == poll.choices
    assert patched(poll, choices=bounds).choices != poll.choices


@pytest.mark.parametrize("voted", [False, True])
def test_maximum_of_all_options_follows_added_options(voted: bool) -> None:
    assert patched(made(kind="multiple"), voted=voted, options="abcd").choices == Choices(min=1, max=4)
    named = made(kind="multiple", choices={"min": 2, "max": 2})
    assert patched(named, voted=voted, options="abcd").choices == Choices(min=2, max=2)


def test_maximum_of_all_options_follows_removed_options() -> None:
    assert patched(made(kind="multiple"), options="ab").choices == Choices(min=1, max=2)
    with pytest.raises(InvalidPoll) as raised:
        patched(made(kind="multiple", options="abcd", choices={"min": 3, "max": 3}), options="ab")
    assert raised.value.field == "choices.min"


def test_choices_follow_change_of_kind() -> None:
    assert patched(made(), kind="multiple").choices == Choices(min=1, max=3)
    assert patched(made(kind="multiple"), kind="single").choices is None


def test_scale_follows_change_of_kind() -> None:
    rating = patched(made(kind="multiple"), kind="rating")
    assert (rating.scale, rating.options, rating.choices) == (Scale(min=1, max=5), (), None)
    ranked = patched(rating, kind="ranked", options="ab")
    assert (ranked.scale, ids_of(ranked)) == (None, ["a", "b"])
    with pytest.raises(InvalidPoll) as raised:
        patched(rating, kind="single")
    assert raised.value.field == "options"


def test_scale_is_fixed_after_votes() -> None:
    poll = made(kind="rating", options=[], scale={"min": 0, "max": 3})
    assert refused_field(poll, scale={"min": 0, "max": 4}) == "scale"
    assert refused_field(poll, scale=None) == "scale"
    assert patched(poll, voted=True, scale={"min": 0, "max": 3}).scale == poll.scale
    assert patched(poll, voted=True, question="And now?").scale == poll.scale
    assert patched(poll, scale={"max": 4}).scale == Scale(min=1, max=4)


def test_capacity_is_editable_after_votes() -> None:
    roomy = [{"id": "a", "label": "A", "capacity": 5}, {"id": "b", "label": "B"}, {"id": "c", "label": "C"}]
    poll = patched(made(), voted=True, options=roomy)
    assert [option.capacity for option in poll.options] == [5, None, None]
    assert patched(poll, voted=True, options="abc").options[0].capacity is None


@pytest.mark.parametrize("before", ResultsMode)
@pytest.mark.parametrize("after", ResultsMode)
def test_results_can_only_be_narrowed_after_votes(before: ResultsMode, after: ResultsMode) -> None:
    poll = made(results=before)
    assert patched(poll, results=after).results is after
    if WIDEST_FIRST.index(after) < WIDEST_FIRST.index(before):
        assert refused_field(poll, results=after) == "results"
    else:
        assert patched(poll, voted=True, results=after).results is after


@pytest.mark.parametrize("voted", [False, True])
def test_closes_at_of_open_poll_is_editable(voted: bool) -> None:
    poll = a_windowed_poll()
    assert patched(poll, now=OPENED, voted=voted, closes_at=EVENING).closes_at == 1_733_083_200_000
    assert patched(poll, now=OPENED, voted=voted, closes_at=None).closes_at is None


def test_closes_at_in_the_past_is_rejected() -> None:
    evening = patched(a_windowed_poll(), closes_at=EVENING).closes_at or 0
    with pytest.raises(EditRefused) as raised:
        patched(a_windowed_poll(), now=evening, closes_at=EVENING)
    assert raised.value.field == "closes_at"
    assert patched(a_windowed_poll(), now=evening - 1, closes_at=EVENING).closes_at == evening


@pytest.mark.parametrize("voted", [False, True])
def test_opens_at_is_editable_until_opening(voted: bool) -> None:
    poll = a_windowed_poll()
    assert patched(poll, now=OPENED - 1, voted=voted, opens_at=EVENING).opens_at == 1_733_083_200_000
    with pytest.raises(EditRefused) as raised:
        patched(poll, now=OPENED, voted=voted, opens_at=EVENING)
    assert raised.value.field == "opens_at"


@pytest.mark.parametrize("voted", [False, True])
@pytest.mark.parametrize("changes", [{"closes_at": NEXT_WEEK}, {"closes_at": None}, {"opens_at": EVENING}])
def test_window_of_closed_poll_is_not_editable(voted: bool, changes: dict[str, Any]) -> None:
    poll = a_windowed_poll()
    with pytest.raises(PhaseConflict) as raised:
        patched(poll, now=CLOSED, voted=voted, **changes)
    assert (raised.value.act, raised.value.phase) == ("edit", "closed")
    with pytest.raises(PhaseConflict):
        patched(msgspec.structs.replace(poll, closed_at=OPENED), now=OPENED, voted=voted, **changes)


def test_text_of_closed_poll_is_editable() -> None:
    after = patched(a_windowed_poll(), now=CLOSED, voted=True, question="Who won?", closes_at=CLOSING)
    assert (after.question, after.closes_at) == ("Who won?", CLOSED)
