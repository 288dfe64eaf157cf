"""Bodies read in the one order of checks."""

from __future__ import annotations

import pytest
from pollwire_server.domain.ballot import Vote
from pollwire_server.domain.errors import BodyTooLarge, InvalidChoice, MalformedBody, UnsupportedMediaType
from pollwire_server.voting.requests import MAX_BODY_BYTES, BodyReader, check_idempotency_key

JSON = b"application/json"


def test_type_size_and_form_are_judged_in_this_order() -> None:
    """A body that is wrong in all three is told its type, then its size, then its form."""
    reader = BodyReader(Vote)
    huge = b"{" * (MAX_BODY_BYTES + 1)
    with pytest.raises(UnsupportedMediaType):
        reader.read(b"text/plain", huge)
    with pytest.raises(BodyTooLarge):
        reader.read(JSON, huge)
    with pytest.raises(MalformedBody):
        reader.read(JSON, huge[1:])


def test_wrong_fields_are_returned_and_not_raised() -> None:
    """Who asks is judged between the form and the fields, so the fields' fault waits for its turn."""
    fault = BodyReader(Vote).read(JSON, b'{"choice": "a", "colour": "red"}')
    assert isinstance(fault, InvalidChoice)
    assert fault.field == "colour"


def test_a_wrong_field_in_what_is_no_json_is_no_fault_of_the_field() -> None:
    """The decoder stops at the unknown field; the brace that is missing behind it still comes first."""
    with pytest.raises(MalformedBody):
        BodyReader(Vote).read(JSON, b'{"colour": "red", "choice": "a"')


@pytest.mark.parametrize("number", ["1e999", "9" * 8000])
def test_a_number_past_all_bounds_is_a_wrong_field(number: str) -> None:
    """The body is a JSON object all the same, so it is the choice that is wrong, not the form."""
    fault = BodyReader(Vote).read(JSON, b'{"choice": %b}' % number.encode())
    assert isinstance(fault, InvalidChoice)
    assert fault.field == "choice"


def test_a_body_that_was_left_out_is_none() -> None:
    """Where a body may be missing, no type is asked for either; where one came, it is."""
    reader = BodyReader(Vote)
    assert reader.read_optional(None, b"") is None
    with pytest.raises(UnsupportedMediaType):
        reader.read_optional(None, b'{"choice": "a"}')


def test_keys_are_visible_ascii_of_some_length() -> None:
    """One to 255 characters from ``!`` to ``~``."""
    for good in (b"!", b"~" * 255, b"3f2a-retry:7"):
        check_idempotency_key(good)
    for bad in (b"", b"x" * 256, b"a b", b"\x7f", "é".encode(), b"a\n"):
        with pytest.raises(InvalidChoice):
            check_idempotency_key(bad)
