"""Instant runoff against published elections: test sets of the Universal RCV Tabulator.

A published round is comparable if the same candidates remain in one of our rounds. The tabulator may
eliminate several hopeless candidates in one round, where we eliminate them one by one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pollwire_server.domain.instant_runoff import RunoffResult, count_instant_runoff
from pollwire_server.domain.poll import Kind, Option

from tests.factories import a_poll

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "published_elections.json").read_text("utf-8"))
ELECTIONS: dict[str, dict[str, Any]] = VECTORS["elections"]
SEED = "6"
"""A seed whose lots agree with the tabulator's own draws, so that rounds after a tie are comparable too."""
NOT_COMPARABLE = {"precinct_example": 1}
"""Published rounds without one of ours: undeclared write-ins leave first there, whatever their votes."""


def counted(election: dict[str, Any]) -> RunoffResult:
    """Count the election as a ranked poll."""
    names = election["candidates"]
    codes = {name: chr(ord("A") + place) for place, name in enumerate(names)}
    poll = a_poll(
        id="published",
        tie_seed=SEED,
        kind=Kind.RANKED,
        options=tuple(Option(name, name, codes[name]) for name in names),
    )
    profile = {"".join(codes[name] for name in ranking): number for number, ranking in election["ballots"]}
    return count_instant_runoff(poll, profile)


@pytest.mark.parametrize("name", ELECTIONS)
def test_every_comparable_round_has_the_published_votes(name: str) -> None:
    election = ELECTIONS[name]
    ours = {frozenset(done.counts): done.counts for done in counted(election).rounds}
    remaining, compared = set(election["candidates"]), 0
    for published in election["rounds"]:
        votes = ours.get(frozenset(remaining))
        if votes is not None:
            tally = {candidate: published["tally"].get(candidate, 0) for candidate in remaining}
            assert votes == tally
            compared += 1
        remaining -= set(published["eliminated"])
    assert compared == len(election["rounds"]) - NOT_COMPARABLE.get(name, 0)


@pytest.mark.parametrize("name", ELECTIONS)
def test_winner_is_the_published_one(name: str) -> None:
    election = ELECTIONS[name]
    assert [counted(election).winner] == election["rounds"][-1]["elected"]
