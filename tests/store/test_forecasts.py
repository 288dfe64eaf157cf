"""Forecasts in the store: the same totals as ``domain/forecast.py``, whatever the order of the votes."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pollwire_server.domain.forecast import decode_forecast, encode_forecast, normalize, totals_of
from pollwire_server.domain.recount import recount_of
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus
from pollwire_server.store.votes.purges import PurgeSelector

from tests.factories import a_voter, options
from tests.store.ballot_helpers import cast, tally_of
from tests.store.prediction_helpers import a_prediction

LETTERS = "ABCDE"


async def a_forecast_poll(store: Store, outcomes: int = 3, **changes: object) -> PollRecord:
    """Create a forecast of some outcomes, whose forecasts may be changed and withdrawn."""
    names = [f"o{place}" for place in range(outcomes)]
    fields: dict[str, Any] = {"options": options(*names), **changes}
    return await a_prediction(store, forecast=True, **fields)


def a_code(source: random.Random, outcomes: int) -> str:
    """Return the code of a random forecast, often with probabilities below the floor."""
    weights = [source.random() ** source.choice((1, 4, 30)) for _ in range(outcomes)]
    return encode_forecast(normalize([weight + 1e-9 for weight in weights]))


async def totals_in(store: Store, record: PollRecord) -> dict[str, int]:
    """Return the totals that are not 0."""
    return {name: value for name, value in (await tally_of(store, record)).counts.items() if value}


def expected_totals(codes: list[str], outcomes: int) -> dict[str, int]:
    """Return the totals of these forecasts, computed from scratch."""
    totals: Counter[str] = Counter()
    for code in codes:
        totals.update(totals_of(LETTERS[:outcomes], decode_forecast(code)))
    return {name: value for name, value in totals.items() if value}


@pytest.mark.parametrize("outcomes", [2, 3, 5], ids=["two", "three", "five"])
async def test_totals_after_votes_changes_and_withdrawals_equal_those_from_scratch(
    store: Store, outcomes: int
) -> None:
    source = random.Random(outcomes)
    record = await a_forecast_poll(store, outcomes)
    voters = [a_voter() for _ in range(300)]
    current = {voter: a_code(source, outcomes) for voter in voters}
    await cast(store, record, *(BallotInput(voter, code) for voter, code in current.items()))
    changed = {voter: a_code(source, outcomes) for voter in voters[:150]}
    await cast(store, record, *(BallotInput(voter, code) for voter, code in changed.items()))
    current |= changed
    for voter in voters[100:120]:
        assert (await store.ballots.withdraw(record, voter)).status is BallotStatus.WITHDRAWN
        del current[voter]
    assert await totals_in(store, record) == expected_totals(list(current.values()), outcomes)
    reading, codes = await store.recounts.recount(record.poll.id)
    assert recount_of(record.poll, reading.tally, codes).matches


async def test_same_forecast_again_is_unchanged(store: Store) -> None:
    record, voter = await a_forecast_poll(store, 2), a_voter()
    code = encode_forecast((700_000, 300_000))
    assert await cast(store, record, BallotInput(voter, code), BallotInput(voter, code)) == [
        BallotStatus.COUNTED,
        BallotStatus.UNCHANGED,
    ]
    vote = await store.ballots.current_vote(record, voter)
    assert vote is not None
    assert decode_forecast(vote.code) == (700_000, 300_000)


async def test_erasure_and_purge_subtract_forecasts_exactly(store: Store) -> None:
    record, first, second = await a_forecast_poll(store), a_voter(), a_voter()
    codes = [encode_forecast(forecast) for forecast in ((1, 2, 999_997), (400_000, 350_000, 250_000))]
    await cast(store, record, *map(BallotInput, (first, second), codes))
    await store.vote_eraser.erase(record, first, by="ama")
    assert await totals_in(store, record) == expected_totals(codes[1:], 3)
    await store.purges.purge(record, PurgeSelector(), by="ama")
    assert await totals_in(store, record) == {}


async def test_timeline_point_has_mean_forecast(store: Store) -> None:
    record = await a_forecast_poll(store, 2)
    for forecast in ((600_000, 400_000), (200_000, 800_000)):
        await cast(store, record, BallotInput(a_voter(), encode_forecast(forecast)))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    body = (await store.timelines.read(record.poll.id)).body
    assert b'"forecast":{"o0":0.4,"o1":0.6}' in body
