"""Creation and validation of polls."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pollwire_server.domain.ballot import BallotCodec
from pollwire_server.domain.decoding import decode_document
from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.options import CODES, MAX_OPTIONS
from pollwire_server.domain.poll import Choices, Identity, Kind, ResultsMode, Revote, Scale
from pollwire_server.domain.poll_draft import PollDraft, PollPatch, new_poll

from tests.unit.domain.drafts import NOW, a_document, codes_of, ids_of, made, option_documents
from tests.unit.domain.strategies import json_values, option_ids

NUMBERED = [f"option-{number}" for number in range(MAX_OPTIONS + 1)]
DRAFT_FIELDS = PollDraft.__struct_fields__


def test_minimal_draft_uses_defaults() -> None:
    poll = made()
    assert poll.id == "ghana-2024"
    assert (poll.opens_at, poll.closes_at, poll.visible_at, poll.created_at) == (NOW, None, None, NOW)
    assert (poll.revote, poll.identity, poll.results) == (Revote.NEVER, Identity.DEVICE, ResultsMode.ALWAYS)
    assert (poll.choices, poll.origins, poll.shuffle, poll.lang, poll.version) == (None, None, False, None, 1)
    assert ids_of(poll) == ["a", "b", "c"]


def test_draft_sets_every_field() -> None:
    poll = made(
        kind="multiple",
        question="Which teams?",
        description="Pick two.",
        options=[{"id": "a", "label": "A", "image": "https://example.org/a.png"}, {"id": "b", "label": "B"}],
        choices={"min": 2, "max": 2},
        opens_at="2024-07-02T00:00",
        closes_at="2024-11-01T00:00",
        visible_at="2024-07-01T00:00:00Z",
        timezone="Africa/Accra",
        revote="withdraw",
        results="after_vote",
        origins=["https://news.example", "*"],
        shuffle=True,
        lang="en-GH",
    )
    assert (poll.kind, poll.question, poll.description) == (Kind.MULTIPLE, "Which teams?", "Pick two.")
    assert [(option.label, option.image) for option in poll.options] == [
        ("A", "https://example.org/a.png"),
        ("B", None),
    ]
    assert poll.choices == Choices(min=2, max=2)
    assert (poll.opens_at, poll.closes_at) == (1_719_878_400_000, 1_730_419_200_000)
    assert poll.visible_at == 1_719_792_000_000
    assert (poll.revote, poll.results) == (Revote.WITHDRAW, ResultsMode.AFTER_VOTE)
    assert (poll.origins, poll.shuffle, poll.lang) == (("https://news.example", "*"), True, "en-GH")
    assert made(identity="open").identity is Identity.OPEN


RARE = {"id": "a", "label": "A", "capacity": 3}
WRONG = [
    ("kind", {"kind": "essay"}),
    ("kind", {"kind": None}),
    ("id", {"id": ""}),
    ("id", {"id": "Ghana"}),
    ("id", {"id": "-ghana"}),
    ("id", {"id": "ghana\n"}),
    ("id", {"id": "g" * 65}),
    ("question", {"question": ""}),
    ("question", {"question": "q" * 301}),
    ("question", {"question": 5}),
    ("description", {"description": "d" * 2001}),
    ("options", {"options": []}),
    ("options", {"options": "a"}),
    ("options", {"options": NUMBERED}),
    ("options", {"options": None}),
    ("options", {"options": {"a": "A", "b": "B"}}),
    ("options[1]", {"options": [{"id": "a", "label": "A"}, "b"]}),
    ("options[0].label", {"options": [{"id": "a"}, {"id": "b", "label": "B"}]}),
    ("options[1].label", {"options": [{"id": "a", "label": "A"}, {"id": "b", "label": ""}]}),
    ("options[1].label", {"options": [{"id": "a", "label": "A"}, {"id": "b", "label": "b" * 201}]}),
    ("options[0].id", {"options": [{"id": "a\n", "label": "A"}, {"id": "b", "label": "B"}]}),
    ("options[0].image", {"options": [{"id": "a", "label": "A", "image": "javascript:alert(1)"}]}),
    ("options[0].image", {"options": [{"id": "a", "label": "A", "image": "//evil.example/a.png"}]}),
    ("options[0].image", {"options": [{"id": "a", "label": "A", "image": "/\\evil.example/a.png"}]}),
    ("options[0].image", {"options": [{"id": "a", "label": "A", "image": "/" + "a" * 2000}]}),
    *(
        ("options[0].capacity", {"options": [{"id": "a", "label": "A", "capacity": capacity}]})
        for capacity in (0, -1, 1.5, True, "3", 10**9 + 1)
    ),
    ("options[0].capacity", {"kind": "ranked", "options": [RARE, {"id": "b", "label": "B"}]}),
    ("options", {"kind": "rating"}),
    ("options", {"kind": "ranked", "options": "a"}),
    ("options[2].id", {"options": "aba"}),
    ("choices", {"choices": {"min": 1, "max": 2}}),
    ("choices.min", {"kind": "multiple", "choices": {"min": 0}}),
    ("choices.min", {"kind": "multiple", "choices": {"min": 4}}),
    ("choices.min", {"kind": "multiple", "choices": {"min": 1.5}}),
    ("choices.min", {"kind": "multiple", "choices": {"min": True}}),
    ("choices.max", {"kind": "multiple", "choices": {"min": 2, "max": 1}}),
    ("choices.max", {"kind": "multiple", "choices": {"max": 4}}),
    ("choices.max", {"kind": "multiple", "choices": {"max": 2**70}}),
    ("choices.max", {"kind": "multiple", "choices": {"max": float("nan")}}),
    ("choices.most", {"kind": "multiple", "choices": {"most": 2}}),
    ("choices", {"kind": "rating", "options": [], "choices": {"min": 1}}),
    ("choices", {"kind": "ranked", "choices": {"min": 1}}),
    ("scale", {"scale": {"min": 1, "max": 5}}),
    ("scale", {"kind": "ranked", "scale": {}}),
    ("scale", {"kind": "rating", "options": [], "scale": 5}),
    *(
        (field, {"kind": "rating", "options": [], "scale": scale})
        for field, scale in (
            ("scale.max", {"min": 3, "max": 3}),
            ("scale.max", {"min": 5, "max": 1}),
            ("scale.max", {"max": 1}),
            ("scale.max", {"max": 11}),
            ("scale.max", {"max": 4.5}),
            ("scale.min", {"min": -1}),
            ("scale.min", {"min": True}),
            ("scale.min", {"min": "1"}),
            ("scale.step", {"step": 2}),
        )
    ),
    ("forecast", {"forecast": True}),
    ("ordered", {"ordered": True}),
    ("series", {"series": "ghana"}),
    ("resolve_by", {"resolve_by": "2025-01-01T00:00:00Z"}),
    ("opens_at", {"opens_at": "2024-07-02T00:00:00"}),
    ("opens_at", {"opens_at": 1_719_878_400_000}),
    ("closes_at", {"closes_at": "2024-11-01"}),
    ("closes_at", {"opens_at": "2024-11-02T00:00:00Z", "closes_at": "2024-11-01T00:00:00Z"}),
    ("closes_at", {"opens_at": "2024-11-01T00:00:00Z", "closes_at": "2024-11-01T00:00:00Z"}),
    ("closes_at", {"closes_at": "2024-03-31T02:30", "timezone": "Europe/Berlin"}),
    ("visible_at", {"visible_at": "tomorrow"}),
    ("timezone", {"timezone": "Nowhere/City"}),
    ("timezone", {"timezone": 0}),
    ("revote", {"revote": "always"}),
    ("revote", {"identity": "open", "revote": "change"}),
    ("identity", {"identity": "anybody"}),
    ("issuer", {"identity": "signed"}),
    ("issuer", {"issuer": "https://news.example"}),
    ("issuer", {"identity": "signed", "issuer": ""}),
    ("results", {"results": "never"}),
    ("results", {"identity": "open", "results": "after_vote"}),
    ("shards", {"shards": 2}),
    ("ties", {"ties": "coin"}),
    ("ties", {"kind": "single", "ties": "declare"}),
    ("tie_seed", {"tie_seed": "mine"}),
    ("shards", {"shards": 0}),
    ("origins[1]", {"origins": ["https://news.example", "https://news.example/path"]}),
    ("origins[0]", {"origins": ["null"]}),
    ("origins", {"origins": ["*"] * 101}),
    ("origins[0]", {"origins": ["https://" + "a" * 293]}),
    ("network_tags", {"network_tags": "yes"}),
    ("shuffle", {"shuffle": 1}),
    ("lang", {"lang": "english please"}),
    ("lang", {"lang": "en-abcdefgh-abcdefgh-abcdefgh-abcdef"}),
    ("phase", {"phase": "open"}),
    ("version", {"version": 3}),
    ("colour", {"colour": "red"}),
]


@pytest.mark.parametrize(("field", "changes"), WRONG)
def test_invalid_field_is_named(field: str, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidPoll) as raised:
        made(**changes)
    assert raised.value.field == field
    assert raised.value.detail.endswith(".")
    assert "`$" not in raised.value.detail


def test_invalid_field_cases_cover_every_field() -> None:
    assert {field.partition("[")[0].partition(".")[0] for field, _ in WRONG} >= set(DRAFT_FIELDS)


@pytest.mark.parametrize("field", ["kind", "question"])
def test_missing_field_is_named(field: str) -> None:
    document = a_document()
    del document[field]
    with pytest.raises(InvalidPoll) as raised:
        decode_document(document, PollDraft)
    assert raised.value.field == field


@pytest.mark.parametrize("document", [[], None, "poll", 5, True, {5: "five"}])
def test_non_object_body_is_rejected(document: object) -> None:
    with pytest.raises(InvalidPoll) as raised:
        decode_document(document, PollDraft)
    assert raised.value.field == "body"


@pytest.mark.parametrize("shape", [PollDraft, PollPatch])
@given(document=json_values | st.dictionaries(st.sampled_from(DRAFT_FIELDS), json_values))
def test_arbitrary_json_raises_only_domain_errors(shape: type, document: object) -> None:
    with suppress(InvalidPoll):
        decode_document(document, shape)


@given(name=st.text())
def test_unknown_field_is_rejected(name: str) -> None:
    with pytest.raises(InvalidPoll):
        made(**{name + "!": 1})


@given(ids=st.lists(option_ids, min_size=2, max_size=MAX_OPTIONS, unique=True))
def test_options_get_distinct_codes_in_order(ids: list[str]) -> None:
    poll = made(options=ids)
    assert "".join(codes_of(poll).values()) == CODES[: len(ids)]
    codec = BallotCodec(poll)
    assert [codec.decode_choice(codec.encode_choice(name)) for name in ids] == ids


def test_more_than_fifty_options_are_rejected() -> None:
    assert len(made(options=NUMBERED[:-1]).options) == MAX_OPTIONS
    assert len(set(CODES)) >= MAX_OPTIONS
    assert CODES.isalpha()


@pytest.mark.parametrize(
    ("given_bounds", "least", "most"),
    [(None, 1, 3), ({}, 1, 3), ({"min": 2}, 2, 3), ({"max": 2}, 1, 2), ({"min": 3, "max": 3}, 3, 3)],
)
def test_choices_default_to_one_and_all(given_bounds: object, least: int, most: int) -> None:
    assert made(kind="multiple", choices=given_bounds).choices == Choices(min=least, max=most)


@pytest.mark.parametrize(
    ("given_scale", "least", "most"),
    [(None, 1, 5), ({}, 1, 5), ({"min": 0}, 0, 5), ({"max": 10}, 1, 10), ({"min": 0, "max": 1}, 0, 1)],
)
def test_rating_has_scale_without_options(given_scale: object, least: int, most: int) -> None:
    poll = made(kind="rating", options=[], scale=given_scale)
    assert (poll.scale, poll.options, poll.choices) == (Scale(min=least, max=most), (), None)
    assert list(poll.codes) == [str(value) for value in range(least, most + 1)]


def test_ranked_poll_has_options_without_bounds() -> None:
    poll = made(kind="ranked")
    assert (poll.choices, poll.scale, poll.choice_bounds) == (None, None, (1, 3))


@pytest.mark.parametrize("kind", ["single", "multiple", "prediction"])
def test_option_capacity_is_optional(kind: str) -> None:
    poll = made(kind=kind, options=[RARE, {"id": "b", "label": "B", "capacity": None}])
    assert [option.capacity for option in poll.options] == [3, None]


def test_null_fields_of_other_kinds_are_accepted() -> None:
    assert made(scale=None, forecast=False, series=None, resolve_by=None, shards=1, closes_at=None) == made()


def seen_texts(most: int) -> st.SearchStrategy[str]:
    """Generate texts of any language with a visible character and without control characters."""
    characters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
    return st.text(characters, max_size=most - 1).map(lambda text: f"{text}?")


def test_draft_with_past_window_is_accepted() -> None:
    poll = made(opens_at="2020-01-01T00:00:00Z", closes_at="2020-01-02T00:00:00Z")
    assert poll.phase(NOW).is_over


@given(question=seen_texts(300), label=seen_texts(200))
def test_text_of_any_language_roundtrips(question: str, label: str) -> None:
    options = [{"id": "a", "label": label}, *option_documents("b")]
    body = msgspec.json.encode(a_document(question=question, options=options))
    poll = new_poll(decode_document(msgspec.json.decode(body), PollDraft), poll_id="p", now=NOW)
    assert (poll.question, poll.options[0].label) == (question, label)
