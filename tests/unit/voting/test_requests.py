"""Tests of the order of checks on request bodies."""

from __future__ import annotations

import pytest
from pollwire_server.domain.ballot import Vote
from pollwire_server.domain.errors import BodyTooLarge, InvalidChoice, MalformedBody, UnsupportedMediaType
from pollwire_server.voting.requests import MAX_BODY_BYTES, BodyReader, check_idempotency_key

JSON = b"application/json"


def test_read_checks_media_type_then_size_then_json() -> None:
    reader = BodyReader(Vote)
    huge = b"{" * (MAX_BODY_BYTES + 1)
    with pytest.raises(UnsupportedMediaType):
        reader.read(b"text/plain", huge)
    with pytest.raises(BodyTooLarge):
        reader.read(JSON, huge)
    with pytest.raises(MalformedBody):
        reader.read(JSON, huge[1:])


def test_read_wrong_field_returns_the_error() -> None:
    """Authentication (401) is checked between JSON (400) and fields (422), so the caller raises it later."""
    fault = BodyReader(Vote).read(JSON, b'{"choice": "a", "colour": "red"}')
    assert isinstance(fault, InvalidChoice)
    assert fault.field == "colour"


def test_read_wrong_field_in_invalid_json_raises_malformed_body() -> None:
    """The decoder stops at the unknown field, before the missing brace."""
    with pytest.raises(MalformedBody):
        BodyReader(Vote).read(JSON, b'{"colour": "red", "choice": "a"')


@pytest.mark.parametrize("number", ["1e999", "9" * 8000])
def test_read_number_out_of_range_returns_a_field_error(number: str) -> None:
    fault = BodyReader(Vote).read(JSON, b'{"choice": %b}' % number.encode())
    assert isinstance(fault, InvalidChoice)
    assert fault.field == "choice"


def test_read_optional_empty_body_returns_none() -> None:
    reader = BodyReader(Vote)
    assert reader.read_optional(None, b"") is None
    with pytest.raises(UnsupportedMediaType):
        reader.read_optional(None, b'{"choice": "a"}')


def test_idempotency_key_accepts_1_to_255_visible_ascii_characters() -> None:
    for good in (b"!", b"~" * 255, b"3f2a-retry:7"):
        check_idempotency_key(good)
    for bad in (b"", b"x" * 256, b"a b", b"\x7f", "é".encode(), b"a\n"):
        with pytest.raises(InvalidChoice):
            check_idempotency_key(bad)
