"""Visibility of totals for each mode, phase and role."""

from __future__ import annotations

import pytest
from pollwire_server.domain.poll import ResultsMode
from pollwire_server.domain.visibility import ReaderRole, may_see_totals
from pollwire_server.domain.window import Phase

from tests.factories import a_poll

OVER = (Phase.CLOSED, Phase.RESOLVED, Phase.CANCELED, Phase.ARCHIVED)
RUNNING = (Phase.SCHEDULED, Phase.OPEN)
ALL_READERS, VOTERS, NO_READERS = {ReaderRole.PUBLIC, ReaderRole.VOTED}, {ReaderRole.VOTED}, set[ReaderRole]()

MATRIX = {
    # Readers that see totals in each mode: during voting, and after its end. Operators always do.
    ResultsMode.ALWAYS: (ALL_READERS, ALL_READERS),
    ResultsMode.AFTER_VOTE: (VOTERS, ALL_READERS),
    ResultsMode.AFTER_CLOSE: (NO_READERS, ALL_READERS),
    ResultsMode.OPERATORS: (NO_READERS, NO_READERS),
}


@pytest.mark.parametrize("mode", ResultsMode)
@pytest.mark.parametrize("phase", Phase)
def test_each_mode_shows_totals_to_its_audience_only(mode: ResultsMode, phase: Phase) -> None:
    poll = a_poll(results=mode)
    assert {*RUNNING, *OVER} == set(Phase)
    expected = {ReaderRole.OPERATOR, *MATRIX[mode][phase in OVER]}
    assert {reader for reader in ReaderRole if may_see_totals(poll, phase, reader)} == expected
