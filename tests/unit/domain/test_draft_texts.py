"""What people read of a poll is seen, harms no screen, and appears in time."""

from __future__ import annotations

from typing import Any

import pytest
from pollwire_server.domain.errors import EditRefused, InvalidPoll
from pollwire_server.domain.poll import Poll

from tests.unit.domain.drafts import CLOSING, NOW, OPENING, made, patched

BLANK = [" ", "\t\n", "\u3000\u200b", "\u2003\ufeff "]
CONTROLLING = ["a\x00b", "a\x1b[2Jb", "a\x7f", "a\x9bb", "a\u2028b", "\rb"]


def options(label: str) -> list[dict[str, str]]:
    """Two options, the second so labelled."""
    return [{"id": "a", "label": "A"}, {"id": "b", "label": label}]


@pytest.mark.parametrize("text", [*BLANK, *CONTROLLING, "two\nlines", "a\ttab"])
def test_a_question_or_label_is_one_visible_line(text: str) -> None:
    """Blank texts and control characters are refused by their field, in drafts and in edits."""
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
def test_a_description_may_have_lines_and_tabs_alone(text: str) -> None:
    """A description is refused as a question is, but for newlines and tabs between what can be seen."""
    with pytest.raises(InvalidPoll) as refused:
        made(description=text)
    assert refused.value.field == "description"
    assert made(description="one\n\ttwo").description == "one\n\ttwo"
    assert made(description="").description == ""


@pytest.mark.parametrize("text", ["نعم", "ง่าย", "👩‍👩‍👧", "a b", "­soft"])
def test_what_can_be_seen_is_text(text: str) -> None:
    """Joiners, accents and soft hyphens are part of words."""
    assert made(question=text).question == text


def test_a_poll_appears_before_it_closes() -> None:
    """A poll that would be seen only once it is over is refused, by draft and by edit."""
    with pytest.raises(InvalidPoll) as refused:
        made(opens_at=OPENING, closes_at=CLOSING, visible_at="2024-12-03T00:00:00Z")
    assert refused.value.field == "visible_at"
    with pytest.raises(InvalidPoll):
        patched(made(opens_at=OPENING, closes_at=CLOSING), visible_at="2024-12-03T00:00:00Z")
    assert made(opens_at=OPENING, closes_at=CLOSING, visible_at=CLOSING).visible_at


def seen_from(poll: Poll, visible_at: str | None, *, voted: bool) -> Poll:
    """The poll with another hour to appear at."""
    return patched(poll, visible_at=visible_at, voted=voted)


@pytest.mark.parametrize("standing", [None, "2024-11-20T00:00:00Z"])
def test_votes_are_not_hidden_for_longer(standing: str | None) -> None:
    """Once people have voted, a poll's hour moves no further away; sooner, or past already, it may be."""
    poll = made(visible_at=standing)
    later = "2024-11-25T00:00:00Z"
    assert seen_from(poll, later, voted=False).visible_at
    with pytest.raises(EditRefused) as refused:
        seen_from(poll, later, voted=True)
    assert refused.value.field == "visible_at"
    assert seen_from(poll, None, voted=True).visible_at is None
    assert (seen_from(poll, "2024-01-01T00:00:00Z", voted=True).visible_at or 0) < NOW
