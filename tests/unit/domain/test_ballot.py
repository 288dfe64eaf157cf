"""Codec between choices and stored codes."""

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
def test_choice_roundtrips_through_code(data: st.DataObject, poll: Poll) -> None:
    codec = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    code = codec.encode_choice(choice)
    back = codec.decode_choice(code)
    assert codec.encode_choice(back) == code
    if poll.kind is Kind.MULTIPLE:
        assert isinstance(choice, list)
        assert isinstance(back, list)
        choice, back = sorted(choice), sorted(back)
    assert back == choice


@given(data=st.data(), poll=polls())
def test_code_has_one_letter_for_each_chosen_item(data: st.DataObject, poll: Poll) -> None:
    choice = data.draw(choices_of(poll))
    chosen = set(choice) if isinstance(choice, list) else {str(choice)}
    code = BallotCodec(poll).encode_choice(choice)
    assert sorted(code) == sorted(letter for name, letter in poll.codes.items() if name in chosen)


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.RANKED))
def test_ranking_code_depends_on_order(data: st.DataObject, poll: Poll) -> None:
    codec = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    assert isinstance(choice, list)
    code = codec.encode_choice(choice)
    assert [codec.option_of(letter) for letter in code] == choice == codec.decode_choice(code)
    other = data.draw(st.permutations(choice))
    assert (codec.encode_choice(other) == code) is (other == choice)


def test_every_scale_value_has_one_character_code() -> None:
    codec = BallotCodec(a_poll(kind=Kind.RATING, options=(), scale=Scale(min=0, max=10)))
    assert "".join(codec.encode_choice(value) for value in range(11)) == "0123456789:"
    assert codec.decode_choice(":") == 10


@pytest.mark.parametrize("choice", [0, 6, -1, 2**70, 3.0, 3.5, "3", True, False, None, [3], {"value": 3}])
def test_rating_outside_scale_is_rejected(choice: object) -> None:
    with pytest.raises(InvalidChoice, match="whole number from 1 to 5"):
        BallotCodec(a_poll(kind=Kind.RATING, options=(), scale=Scale(min=1, max=5))).encode_choice(choice)


@pytest.mark.parametrize("choice", ["a", None, [], ["a", "a"], ["a", "z"], ["a", 1], [["a"]], {"a": 1}, 1])
def test_malformed_ranking_is_rejected(choice: object) -> None:
    with pytest.raises(InvalidChoice):
        BallotCodec(a_poll(kind=Kind.RANKED, options=options("a", "b"))).encode_choice(choice)


@given(data=st.data(), poll=polls().filter(lambda poll: poll.kind is Kind.MULTIPLE))
def test_multiple_choice_ignores_order(data: st.DataObject, poll: Poll) -> None:
    codec = BallotCodec(poll)
    choice = data.draw(choices_of(poll))
    assert isinstance(choice, list)
    code = codec.encode_choice(data.draw(st.permutations(choice)))
    assert code == codec.encode_choice(choice)
    assert codec.decode_choice(code) == [option.id for option in poll.options if option.id in choice]


@given(poll=polls(), junk=json_values)
def test_arbitrary_json_raises_only_domain_errors(poll: Poll, junk: object) -> None:
    with suppress(InvalidChoice):
        assert BallotCodec(poll).encode_choice(junk)


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.PREDICTION])
@pytest.mark.parametrize("choice", ["green", "A", "", None, 1, True, ["npp"], ["npp", "ndc"], {"npp": 1}])
def test_single_choice_must_be_one_option_id(kind: Kind, choice: object) -> None:
    with pytest.raises(InvalidChoice, match="npp, ndc, other"):
        BallotCodec(a_poll(kind=kind)).encode_choice(choice)


@pytest.mark.parametrize("choice", ["a", None, ["a", "a"], ["a", "z"], ["a", 1], [["a"]], [None], {"a": 1}])
def test_malformed_multiple_choice_is_rejected(choice: object) -> None:
    with pytest.raises(InvalidChoice, match="a, b, c"):
        several().encode_choice(choice)


@pytest.mark.parametrize("choice", [[], ["a"], ["a", "b", "c"]])
def test_multiple_choice_outside_bounds_is_rejected(choice: list[str]) -> None:
    codec = several(2, 2)
    assert codec.encode_choice(["a", "b"]) == "AB"
    with pytest.raises(InvalidChoice, match=f"2 to 2 options, not {len(choice)}"):
        codec.encode_choice(choice)


@pytest.mark.parametrize(
    ("count", "ending"), [(10, "option-9."), (11, "option-9, ...."), (50, "option-9, ....")]
)
def test_invalid_choice_lists_at_most_ten_options(count: int, ending: str) -> None:
    codec = BallotCodec(a_poll(options=options(*(f"option-{number}" for number in range(count)))))
    with pytest.raises(InvalidChoice) as raised:
        codec.encode_choice("stranger")
    assert raised.value.detail.endswith(ending)


def test_vote_body_decodes_choice_and_revision() -> None:
    vote = msgspec.json.decode(b'{"choice": ["a", 1], "revision": 3}', type=Vote)
    assert (vote.choice, vote.revision) == (["a", 1], 3)
    assert msgspec.json.decode(b'{"choice": null}', type=Vote).revision is None


@pytest.mark.parametrize("revision", [0, 1, 2**24 - 2])
def test_revision_accepts_full_stored_range(revision: int) -> None:
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
def test_invalid_vote_body_is_rejected(body: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Vote)
