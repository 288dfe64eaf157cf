"""Validation of texts and of the time of visibility."""

from __future__ import annotations

from typing import Any

import pytest
from pollwire_server.domain.errors import EditRefused, InvalidPoll
from pollwire_server.domain.poll import Poll

from tests.unit.domain.drafts import CLOSING, NOW, OPENING, made, patched

BLANK = [
    *(" ", "\t\n", "\u3000\u200b", "\u2003\ufeff "),
    *("\u3164", "\u115f\u1160", "\uffa0", "\u2800\u2800", "\u034f", "\ufe0f", "\u17b5", "\u180b"),
    *("\U000e0100", "\U000e0fff", "\U0001d159", "\u0301", "\u2065"),
]
CONTROLLING = ["a\x00b", "a\x1b[2Jb", "a\x7f", "a\x9bb", "a\u2028b", "\rb"]


def options(label: str) -> list[dict[str, str]]:
    """Return two options. The second has this label."""
    return [{"id": "a", "label": "A"}, {"id": "b", "label": label}]


@pytest.mark.parametrize("text", [*BLANK, *CONTROLLING, "two\nlines", "a\ttab"])
def test_blank_or_control_text_in_question_or_label_is_rejected(text: str) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [  # Any: each field has its own type
        ("question", {"question": text}),
        ("options[1].label", {"options": options(text)}),
    ]
    for field, given in wrong:
        with pytest.raises(InvalidPoll) as drafted:
            made(**given)
        with pytest.raises(InvalidPoll) as edited:
            patched(made(), **given)
        assert drafted.value.field == edited.value.field == field


@pytest.mark.parametrize("text", [*BLANK, *CONTROLLING])
def test_description_allows_only_newlines_and_tabs(text: str) -> None:
    with pytest.raises(InvalidPoll) as refused:
        made(description=text)
    assert refused.value.field == "description"
    assert made(description="one\n\ttwo").description == "one\n\ttwo"
    assert made(description="").description == ""


@pytest.mark.parametrize("text", ["نعم", "ง่าย", "👩‍👩‍👧", "❤\ufe0f", "\u3164a", "é", "⠁", "a b", "­soft"])
def test_visible_unicode_text_is_accepted(text: str) -> None:
    assert made(question=text).question == text


def test_visible_at_after_closes_at_is_rejected() -> None:
    with pytest.raises(InvalidPoll) as refused:
        made(opens_at=OPENING, closes_at=CLOSING, visible_at="2024-12-03T00:00:00Z")
    assert refused.value.field == "visible_at"
    with pytest.raises(InvalidPoll):
        patched(made(opens_at=OPENING, closes_at=CLOSING), visible_at="2024-12-03T00:00:00Z")
    assert made(opens_at=OPENING, closes_at=CLOSING, visible_at=CLOSING).visible_at


def seen_from(poll: Poll, visible_at: str | None, *, voted: bool) -> Poll:
    """Return the poll with another ``visible_at``."""
    return patched(poll, visible_at=visible_at, voted=voted)


@pytest.mark.parametrize("stored", [None, "2024-11-20T00:00:00Z"])
def test_visible_at_cannot_move_later_after_votes(stored: str | None) -> None:
    poll = made(visible_at=stored)
    later = "2024-11-25T00:00:00Z"
    assert seen_from(poll, later, voted=False).visible_at
    with pytest.raises(EditRefused) as refused:
        seen_from(poll, later, voted=True)
    assert refused.value.field == "visible_at"
    assert seen_from(poll, None, voted=True).visible_at is None
    assert (seen_from(poll, "2024-01-01T00:00:00Z", voted=True).visible_at or 0) < NOW
