"""Edits that keep faith with votes already cast, and those that would not."""

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
    """The field for which an edit of a poll with votes is refused."""
    with pytest.raises(EditRefused) as refusal:
        patched(poll, now=now, voted=True, **changes)
    return refusal.value.field


@pytest.mark.parametrize("voted", [False, True])
def test_an_edit_changes_what_it_names_and_grows_the_version(voted: bool) -> None:
    """Fields that a patch leaves out stay, and every edit is a new version, an empty one too."""
    poll = a_windowed_poll(description="Old.", lang="en")
    after = patched(poll, voted=voted, question="Who really wins?", lang=None)
    assert after == msgspec.structs.replace(poll, question="Who really wins?", lang=None, version=2)
    assert patched(after, voted=voted) == msgspec.structs.replace(after, version=3)


def test_every_plain_field_may_be_edited() -> None:
    """Texts and policies change as the patch says, before any vote."""
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
def test_an_edit_makes_no_poll_that_could_not_be_created(field: str, changes: dict[str, Any]) -> None:
    """What a new poll may not be, an edited one may not become; ids and shards are for life."""
    with pytest.raises(InvalidPoll) as refusal:
        patched(made(), **changes)
    assert refusal.value.field == field


@given(
    before=st.lists(option_ids, min_size=2, max_size=20, unique=True),
    added=st.lists(option_ids, max_size=20),
    data=st.data(),
)
def test_standing_options_keep_their_codes(before: list[str], added: list[str], data: st.DataObject) -> None:
    """However options are moved and added under votes, a vote means what it meant; no letter serves twice."""
    poll = made(options=before)
    ids = data.draw(st.permutations(list(dict.fromkeys(before + added))))
    after = patched(poll, voted=True, options=ids)
    assert ids_of(after) == ids
    assert codes_of(poll).items() <= codes_of(after).items()
    assert len(set(codes_of(after).values())) == len(ids)


@given(before=st.integers(2, MAX_OPTIONS), data=st.data())
def test_no_option_goes_once_voted_on(before: int, data: st.DataObject) -> None:
    """A list that lacks a standing option is refused, however many others take its place."""
    poll = made(options=NUMBERED[:before])
    kept = data.draw(st.lists(st.sampled_from(NUMBERED[:before]), max_size=before - 1, unique=True))
    newcomers = [f"new-{number}" for number in range(data.draw(st.integers(0, MAX_OPTIONS - len(kept))))]
    assert refused_field(poll, options=kept + newcomers) == "options"


def test_letters_suffice_for_every_option_ever_added() -> None:
    """Options added one at a time under votes fill the poll up to its most, each with a letter of its own."""
    poll = made(options=NUMBERED[:2])
    for most in range(3, MAX_OPTIONS + 1):
        poll = patched(poll, voted=True, options=NUMBERED[:most])
    assert "".join(codes_of(poll).values()) == CODES[:MAX_OPTIONS]
    with pytest.raises(InvalidPoll, match="at most 50"):
        patched(poll, voted=True, options=[*NUMBERED, "one-more"])


def test_labels_are_mended_under_votes() -> None:
    """A misspelt label and a missing image are put right, since votes are cast for ids."""
    mended = [{"id": name, "label": f"New Patriotic Party {name}", "image": f"/{name}.png"} for name in "abc"]
    after = patched(made(), voted=True, options=mended)
    assert after.options[0].label == "New Patriotic Party a"
    assert after.options[0].image == "/a.png"


def test_options_change_freely_before_a_vote() -> None:
    """Nobody is misled by an option that goes before anybody could have chosen it."""
    after = patched(made(), options="xcy")
    assert codes_of(after) == {"x": "A", "c": "B", "y": "C"}


def test_a_closed_poll_with_votes_gets_no_new_option() -> None:
    """An option that nobody can vote for would look as if nobody wanted it."""
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
def test_what_votes_were_cast_under_stays(field: str, changes: dict[str, Any]) -> None:
    """Kind and identity say what a vote meant and whose it was."""
    assert refused_field(made(), **changes) == field


@pytest.mark.parametrize("bounds", [{"min": 2, "max": 2}, {"min": 1, "max": 3}, {"min": 1, "max": 1}, None])
def test_bounds_stay_once_voted_on(bounds: object) -> None:
    """Everybody chooses under the same bounds; naming those that stand is no change."""
    poll = made(kind="multiple", choices={"min": 1, "max": 2})
    assert refused_field(poll, choices=bounds) == "choices"
    assert patched(poll, voted=True, choices={"min": 1, "max": 2}).choices == poll.choices
    assert patched(poll, choices=bounds).choices != poll.choices


@pytest.mark.parametrize("voted", [False, True])
def test_bounds_that_mean_all_options_go_on_meaning_all(voted: bool) -> None:
    """When options are added, a voter who may pick all may pick the new ones too, and named bounds stay."""
    assert patched(made(kind="multiple"), voted=voted, options="abcd").choices == Choices(min=1, max=4)
    named = made(kind="multiple", choices={"min": 2, "max": 2})
    assert patched(named, voted=voted, options="abcd").choices == Choices(min=2, max=2)


def test_bounds_follow_options_that_go() -> None:
    """Fewer options lower a bound that meant all of them; a named one that no longer fits is refused."""
    assert patched(made(kind="multiple"), options="ab").choices == Choices(min=1, max=2)
    with pytest.raises(InvalidPoll) as refusal:
        patched(made(kind="multiple", options="abcd", choices={"min": 3, "max": 3}), options="ab")
    assert refusal.value.field == "choices.min"


def test_bounds_come_and_go_with_the_kind() -> None:
    """A poll that becomes a multiple choice gets bounds, and one that ceases to be loses them."""
    assert patched(made(), kind="multiple").choices == Choices(min=1, max=3)
    assert patched(made(kind="multiple"), kind="single").choices is None


def test_a_scale_comes_and_goes_with_the_kind() -> None:
    """A poll that becomes a rating gets a scale and loses its options; one that ceases to be wants some."""
    rating = patched(made(kind="multiple"), kind="rating")
    assert (rating.scale, rating.options, rating.choices) == (Scale(min=1, max=5), (), None)
    ranked = patched(rating, kind="ranked", options="ab")
    assert (ranked.scale, ids_of(ranked)) == (None, ["a", "b"])
    with pytest.raises(InvalidPoll) as refusal:
        patched(rating, kind="single")
    assert refusal.value.field == "options"


def test_a_scale_stays_once_voted_on() -> None:
    """Everybody rates on the same scale; naming the one that stands is no change, nor is leaving it out."""
    poll = made(kind="rating", options=[], scale={"min": 0, "max": 3})
    assert refused_field(poll, scale={"min": 0, "max": 4}) == "scale"
    assert refused_field(poll, scale=None) == "scale"
    assert patched(poll, voted=True, scale={"min": 0, "max": 3}).scale == poll.scale
    assert patched(poll, voted=True, question="And now?").scale == poll.scale
    assert patched(poll, scale={"max": 4}).scale == Scale(min=1, max=4)


def test_a_capacity_is_edited_with_its_option() -> None:
    """A capacity comes, moves and goes under votes; whether it still holds them is the store's to judge."""
    roomy = [{"id": "a", "label": "A", "capacity": 5}, {"id": "b", "label": "B"}, {"id": "c", "label": "C"}]
    poll = patched(made(), voted=True, options=roomy)
    assert [option.capacity for option in poll.options] == [5, None, None]
    assert patched(poll, voted=True, options="abc").options[0].capacity is None


@pytest.mark.parametrize("before", ResultsMode)
@pytest.mark.parametrize("after", ResultsMode)
def test_results_are_only_narrowed_once_voted_on(before: ResultsMode, after: ResultsMode) -> None:
    """Who voted under a promise of fewer readers is not given more; before any vote all is possible."""
    poll = made(results=before)
    assert patched(poll, results=after).results is after
    if WIDEST_FIRST.index(after) < WIDEST_FIRST.index(before):
        assert refused_field(poll, results=after) == "results"
    else:
        assert patched(poll, voted=True, results=after).results is after


@pytest.mark.parametrize("voted", [False, True])
def test_an_open_polls_end_moves(voted: bool) -> None:
    """While people vote, the end may be moved within the future, or taken away."""
    poll = a_windowed_poll()
    assert patched(poll, now=OPENED, voted=voted, closes_at=EVENING).closes_at == 1_733_083_200_000
    assert patched(poll, now=OPENED, voted=voted, closes_at=None).closes_at is None


def test_an_end_is_not_moved_into_the_past() -> None:
    """The past is where votes were counted already; closing now is an act."""
    evening = patched(a_windowed_poll(), closes_at=EVENING).closes_at or 0
    with pytest.raises(EditRefused) as refusal:
        patched(a_windowed_poll(), now=evening, closes_at=EVENING)
    assert refusal.value.field == "closes_at"
    assert patched(a_windowed_poll(), now=evening - 1, closes_at=EVENING).closes_at == evening


@pytest.mark.parametrize("voted", [False, True])
def test_an_opening_moves_until_it_has_happened(voted: bool) -> None:
    """A scheduled poll may open earlier or later; one that has opened has opened."""
    poll = a_windowed_poll()
    assert patched(poll, now=OPENED - 1, voted=voted, opens_at=EVENING).opens_at == 1_733_083_200_000
    with pytest.raises(EditRefused) as refusal:
        patched(poll, now=OPENED, voted=voted, opens_at=EVENING)
    assert refusal.value.field == "opens_at"


@pytest.mark.parametrize("voted", [False, True])
@pytest.mark.parametrize("changes", [{"closes_at": NEXT_WEEK}, {"closes_at": None}, {"opens_at": EVENING}])
def test_a_closed_poll_is_moved_by_reopening_alone(voted: bool, changes: dict[str, Any]) -> None:
    """An edit never opens again what has closed, by the clock or by an operator."""
    poll = a_windowed_poll()
    with pytest.raises(PhaseConflict) as refusal:
        patched(poll, now=CLOSED, voted=voted, **changes)
    assert (refusal.value.act, refusal.value.phase) == ("edit", "closed")
    with pytest.raises(PhaseConflict):
        patched(msgspec.structs.replace(poll, closed_at=OPENED), now=OPENED, voted=voted, **changes)


def test_a_closed_polls_texts_are_mended() -> None:
    """What does not move the window may be put right afterwards, the window sent along unchanged too."""
    after = patched(a_windowed_poll(), now=CLOSED, voted=True, question="Who won?", closes_at=CLOSING)
    assert (after.question, after.closes_at) == ("Who won?", CLOSED)
