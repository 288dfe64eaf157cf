"""Plain-English messages for invalid documents."""

from __future__ import annotations

import re

import pytest
from pollwire_server.admin.api_keys import KeyDraft
from pollwire_server.admin.issuers import IssuerDraft
from pollwire_server.admin.webhooks.service import WebhookDraft
from pollwire_server.domain.decoding import decode_document, repeated_name
from pollwire_server.domain.errors import InvalidPoll
from pollwire_server.domain.poll_draft import PollDraft, PollPatch

POLL = {"kind": "single", "question": "Q?"}
ID = "1 to 64 lower-case letters, digits and hyphens, and must not start with a hyphen."
SITE = "a site in lower case without a path, such as https://news.example, or *."
UNSAID = [
    (PollDraft, {**POLL, "kind": "approval"}, "kind", "one of single, multiple, rating, ranked, prediction."),
    (PollDraft, {**POLL, "revote": "x"}, "revote", "one of never, change, withdraw."),
    (PollPatch, {"results": "x"}, "results", "one of always, after_vote, after_close, operators."),
    (PollDraft, {**POLL, "id": "-a"}, "id", ID),
    (PollPatch, {"series": "A b"}, "series", ID),
    (PollDraft, {**POLL, "options": [{"id": "A", "label": "A"}]}, "options[0].id", ID),
    (PollDraft, {**POLL, "origins": ["*", "https://x.example/"]}, "origins[1]", SITE),
    (PollDraft, {**POLL, "lang": "<b>"}, "lang", "a language tag such as fr or pt-BR."),
    (
        KeyDraft,
        {"name": "desk", "scopes": ["all"]},
        "scopes[0]",
        "one of polls:read, results:read, polls:write, polls:destroy, votes:write, audit:read,"
        " keys:write, issuers:write, webhooks:write.",
    ),
    (
        IssuerDraft,
        {"issuer": "i", "audience": "a", "algorithm": "none"},
        "algorithm",
        "one of HS256, EdDSA, RS256.",
    ),
    (WebhookDraft, {"url": "https://x.example", "polls": [""]}, "polls[0]", ID),
]

LENGTHS = [
    (PollDraft, {**POLL, "question": ""}, "question must not be empty."),
    (PollPatch, {"question": "?" * 301}, "question must have at most 300 characters."),
    (PollPatch, {"options": [{"id": "a", "label": ""}]}, "options[0].label must not be empty."),
    (PollDraft, {**POLL, "origins": ["*"] * 101}, "origins must have at most 100 items."),
    (PollDraft, {**POLL, "question": 5}, "question must be a string."),
    (PollDraft, {**POLL, "description": 5}, "description must be a string or null."),
    (PollDraft, {**POLL, "shuffle": "yes"}, "shuffle must be true or false."),
    (PollDraft, {**POLL, "choices": {"max": 51}}, "choices.max must be at most 50."),
    (PollDraft, {**POLL, "choices": {"max": "5"}}, "choices.max must be a whole number or null."),
    (PollDraft, {**POLL, "scale": 5}, "scale must be a JSON object or null."),
    (PollDraft, {**POLL, "options": "ab"}, "options must be a list."),
    (PollDraft, {**POLL, "colour": "red"}, "colour is not a known field."),
    (PollDraft, {"kind": "single"}, "question is required."),
    (PollDraft, [], "The body must be a JSON object."),
    (PollDraft, {5: "five"}, "The body must be a string."),
]


@pytest.mark.parametrize(("shape", "document", "wanted"), LENGTHS)
def test_message_is_plain_english(shape: type, document: object, wanted: str) -> None:
    with pytest.raises(InvalidPoll, match=f"^{re.escape(wanted)}$"):
        decode_document(document, shape)


@pytest.mark.parametrize(("shape", "document", "field", "wanted"), UNSAID)
def test_message_describes_pattern_or_members(shape: type, document: object, field: str, wanted: str) -> None:
    with pytest.raises(InvalidPoll) as raised:
        decode_document(document, shape)
    assert (raised.value.field, str(raised.value)) == (field, f"{field} must be {wanted}")


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (b'{"choice":"a"}', None),
        (b'{"choice":"a","revision":1}', None),
        (b'{"a":{"x":1},"b":{"x":1}}', None),
        (b'{"choice":"a","choice":"b"}', "choice"),
        (b'{"choice":"a","cho\\u0069ce":"b"}', "choice"),
        (b'{"a":[{"x":1,"y":2,"x":1}]}', "x"),
        (b'{"a":' + b"9" * 5000 + b',"a":1e999}', "a"),
    ],
    ids=["one", "two", "two objects", "repeated", "escaped", "nested", "long numbers"],
)
def test_repeated_name_is_found_in_any_object(document: bytes, name: str | None) -> None:
    assert repeated_name(document) == name
