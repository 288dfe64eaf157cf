"""Phase, visibility and bounds of a poll."""

from __future__ import annotations

from hypothesis import given
from pollwire_server.domain.poll import WIDEST_FIRST, Choices, Kind, ResultsMode
from pollwire_server.domain.window import Phase

from tests.factories import a_poll
from tests.unit.domain.strategies import instants


@given(visible_at=instants)
def test_poll_is_visible_from_visible_at_inclusive(visible_at: int) -> None:
    poll = a_poll(visible_at=visible_at)
    assert not poll.is_visible(visible_at - 1)
    assert poll.is_visible(visible_at)


def test_poll_without_visible_at_is_always_visible() -> None:
    assert a_poll().is_visible(0)


def test_phase_uses_window_and_closed_at() -> None:
    poll = a_poll(opens_at=10, closes_at=20)
    assert [poll.phase(now) for now in (9, 10, 20)] == [Phase.SCHEDULED, Phase.OPEN, Phase.CLOSED]
    assert a_poll(opens_at=10, closes_at=20, closed_at=15).phase(15) is Phase.CLOSED


def test_choice_bounds_default_to_one_option() -> None:
    assert a_poll(kind=Kind.PREDICTION).choice_bounds == (1, 1)
    assert a_poll(kind=Kind.MULTIPLE, choices=Choices(min=2, max=3)).choice_bounds == (2, 3)


def test_results_modes_are_ordered_widest_first() -> None:
    assert WIDEST_FIRST == (
        ResultsMode.ALWAYS,
        ResultsMode.AFTER_VOTE,
        ResultsMode.AFTER_CLOSE,
        ResultsMode.OPERATORS,
    )
