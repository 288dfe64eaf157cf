"""Choices and their codes."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.ballot import LAST_REVISION, BallotCodec, Vote
from pollwire_server.domain.errors import InvalidChoice
from pollwire_server.domain.poll import Choices, Kind, Poll, Scale

from tests.factories import a_poll, options
from tests.unit.domain.strategies import choices_of, json_values, polls


def several(least: int = 1, most: int = 3) -> BallotCodec:
    return BallotCodec(
        a_poll(kind=Kind.MULTIPLE, options=options("a", "b", "c"), choices=Choices(min=least, max=most))
    )


@given(data=st.data(), poll=polls())
def test_a_choice_survives_its_code(data: st.DataObject, poll: Poll) -> None:
    """A valid choice of any poll is stored, read back and stored again as the same thing."""
    paper = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    code = paper.encode_choice(choice)
    back = paper.decode_choice(code)
    assert paper.encode_choice(back) == code
    if poll.kind is Kind.MULTIPLE:
        assert isinstance(choice, list)
        assert isinstance(back, list)
        choice, back = sorted(choice), sorted(back)
    assert back == choice


@given(data=st.data(), poll=polls())
def test_a_code_names_each_chosen_thing_once(data: st.DataObject, poll: Poll) -> None:
    """The letters of a code are those of the chosen options or value, which is what is counted."""
    choice = data.draw(choices_of(poll))
    chosen = set(choice) if isinstance(choice, list) else {str(choice)}
    code = BallotCodec(poll).encode_choice(choice)
    assert sorted(code) == sorted(letter for name, letter in poll.codes.items() if name in chosen)


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.RANKED))
def test_the_order_of_a_ranking_is_the_vote(data: st.DataObject, poll: Poll) -> None:
    """A ranking is stored best first, and in another order it is another vote."""
    paper = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    assert isinstance(choice, list)
    code = paper.encode_choice(choice)
    assert [paper.option_of(letter) for letter in code] == choice == paper.decode_choice(code)
    other = data.draw(st.permutations(choice))
    assert (paper.encode_choice(other) == code) is (other == choice)


def test_a_value_is_one_character() -> None:
    """Every value that any scale may have is stored in one character of its own, 10 too."""
    paper = BallotCodec(a_poll(kind=Kind.RATING, options=(), scale=Scale(min=0, max=10)))
    assert "".join(paper.encode_choice(value) for value in range(11)) == "0123456789:"
    assert paper.decode_choice(":") == 10


@pytest.mark.parametrize("choice", [0, 6, -1, 2**70, 3.0, 3.5, "3", True, False, None, [3], {"value": 3}])
def test_a_rating_is_a_whole_number_of_the_scale(choice: object) -> None:
    """Values beyond the scale, fractions, texts and truths are refused, and told what would do."""
    with pytest.raises(InvalidChoice, match="whole number from 1 to 5"):
        BallotCodec(a_poll(kind=Kind.RATING, options=(), scale=Scale(min=1, max=5))).encode_choice(choice)


@pytest.mark.parametrize("choice", ["a", None, [], ["a", "a"], ["a", "z"], ["a", 1], [["a"]], {"a": 1}, 1])
def test_a_ranking_is_a_list_of_options_each_once(choice: object) -> None:
    """A bare id, nothing, a repeat, a stranger among friends and other types are refused."""
    with pytest.raises(InvalidChoice):
        BallotCodec(a_poll(kind=Kind.RANKED, options=options("a", "b"))).encode_choice(choice)


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.MULTIPLE))
def test_the_order_of_several_options_means_nothing(data: st.DataObject, poll: Poll) -> None:
    """However a voter orders a multiple choice, it is the same vote, answered in the poll's order."""
    paper = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    assert isinstance(choice, list)
    code = paper.encode_choice(data.draw(st.permutations(choice)))
    assert code == paper.encode_choice(choice)
    assert paper.decode_choice(code) == [option.id for option in poll.options if option.id in choice]


@given(poll=polls(), junk=json_values)
def test_junk_is_refused_and_nothing_worse(poll: Poll, junk: object) -> None:
    """A value of any JSON type is a choice of the poll or ``InvalidChoice``, never another error."""
    with suppress(InvalidChoice):
        assert BallotCodec(poll).encode_choice(junk)


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.PREDICTION])
@pytest.mark.parametrize("choice", ["green", "A", "", None, 1, True, ["npp"], ["npp", "ndc"], {"npp": 1}])
def test_a_pick_is_the_id_of_one_option(kind: Kind, choice: object) -> None:
    """A stranger, a code, nothing, two options or a list of one are refused, and told what would do."""
    with pytest.raises(InvalidChoice, match="npp, ndc, other"):
        BallotCodec(a_poll(kind=kind)).encode_choice(choice)


@pytest.mark.parametrize("choice", ["a", None, ["a", "a"], ["a", "z"], ["a", 1], [["a"]], [None], {"a": 1}])
def test_several_options_are_a_list_of_ids_each_once(choice: object) -> None:
    """A bare id, a doubled one, a stranger among friends and other types are refused."""
    with pytest.raises(InvalidChoice, match="a, b, c"):
        several().encode_choice(choice)


@pytest.mark.parametrize("choice", [[], ["a"], ["a", "b", "c"]])
def test_bounds_of_a_multiple_choice_hold(choice: list[str]) -> None:
    """Too few and too many options are refused with the bounds."""
    paper = several(2, 2)
    assert paper.encode_choice(["a", "b"]) == "AB"
    with pytest.raises(InvalidChoice, match=f"2 to 2 options, not {len(choice)}"):
        paper.encode_choice(choice)


@pytest.mark.parametrize(
    ("count", "ending"), [(10, "option-9."), (11, "option-9, ...."), (50, "option-9, ....")]
)
def test_a_refusal_names_at_most_ten_options(count: int, ending: str) -> None:
    """A poll of many options does not make its refusals long."""
    paper = BallotCodec(a_poll(options=options(*(f"option-{number}" for number in range(count)))))
    with pytest.raises(InvalidChoice) as refusal:
        paper.encode_choice("stranger")
    assert refusal.value.detail.endswith(ending)


def test_a_vote_is_a_choice_and_perhaps_a_revision() -> None:
    """The body of a vote reads as written, its choice unjudged."""
    vote = msgspec.json.decode(b'{"choice": ["a", 1], "revision": 3}', type=Vote)
    assert (vote.choice, vote.revision) == (["a", 1], 3)
    assert msgspec.json.decode(b'{"choice": null}', type=Vote).revision is None


@pytest.mark.parametrize("revision", [0, 1, 2**24 - 2])
def test_a_revision_fits_in_three_bytes_with_one_to_spare(revision: int) -> None:
    """From none standing (0) to the last that the store can keep, a vote may name what it replaces."""
    assert msgspec.json.decode(f'{{"choice": "a", "revision": {revision}}}', type=Vote).revision == revision
    assert LAST_REVISION == 2**24 - 2


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"choice": "a", "weight": 2}',
        '{"choice": "a", "revision": -1}',
        '{"choice": "a", "revision": 1.5}',
        '{"choice": "a", "revision": true}',
        '{"choice": "a", "revision": "1"}',
        f'{{"choice": "a", "revision": {LAST_REVISION + 1}}}',
        f'{{"choice": "a", "revision": {2**70}}}',
    ],
)
def test_a_vote_without_a_choice_or_with_more_than_that_is_refused(body: str) -> None:
    """A missing choice, an unknown field and a revision that cannot be are invalid."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Vote)
