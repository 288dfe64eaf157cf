"""A poll as it stands."""

from __future__ import annotations

from hypothesis import given
from pollwire_server.domain.poll import WIDEST_FIRST, Choices, Kind, ResultsMode
from pollwire_server.domain.window import Phase

from tests.factories import a_poll
from tests.unit.domain.strategies import instants


@given(visible_at=instants)
def test_a_poll_is_visible_from_its_instant_on(visible_at: int) -> None:
    """``visible_at`` itself belongs to the time in which the public sees the poll."""
    poll = a_poll(visible_at=visible_at)
    assert not poll.is_visible(visible_at - 1)
    assert poll.is_visible(visible_at)


def test_a_poll_without_a_visible_at_is_always_visible() -> None:
    """The default hides nothing."""
    assert a_poll().is_visible(0)


def test_the_phase_comes_from_window_and_latch() -> None:
    """A poll asks its own opening, closing and latch, each in its place."""
    poll = a_poll(opens_at=10, closes_at=20)
    assert [poll.phase(now) for now in (9, 10, 20)] == [Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED]
    assert a_poll(opens_at=10, closes_at=20, closed_at=15).phase(15) is Phase.CLOSED


def test_a_ballot_has_one_option_unless_bounds_say_otherwise() -> None:
    """A pick is one option; a multiple choice has the poll's bounds."""
    assert a_poll(kind=Kind.PREDICTION).choice_bounds == (1, 1)
    assert a_poll(kind=Kind.MULTIPLE, choices=Choices(min=2, max=3)).choice_bounds == (2, 3)


def test_audiences_are_ordered_from_everybody_to_operators() -> None:
    """The order by which edits judge narrower and wider is the one that readers are told."""
    assert WIDEST_FIRST == (
        ResultsMode.ALWAYS,
        ResultsMode.AFTER_VOTE,
        ResultsMode.AFTER_CLOSE,
        ResultsMode.OPERATORS,
    )
