"""Settings of a series: a new order of the leaderboard appears in one step."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pollwire_server.domain.scoring import RankBy, Score
from pollwire_server.domain.series_document import PollNumbers
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import series_keys
from pollwire_server.store.predictions import series_settings
from pollwire_server.store.predictions.progress import Progress
from pollwire_server.store.predictions.series import Leaderboard
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter
from tests.store.ballot_helpers import cast
from tests.store.prediction_helpers import a_prediction, closed, crowd, picked, resolved
from tests.store.test_forecasts import a_code, a_forecast_poll
from tests.valkey import Valkey


async def edited(store: Store, **changes: object) -> None:
    """Change settings and wait until they are in effect."""
    texts = {name: str(value) for name, value in changes.items()}
    while await store.series_settings.edit("cup", texts) is not None:
        pass  # a busy machine: the same request waits again


async def board(store: Store) -> Leaderboard:
    return await store.series.leaderboard("cup", after=0, limit=100)


async def scored_forecasts(store: Store, voters: list[bytes]) -> None:
    """Score two forecasts of random voters, the second of half of them."""
    source = random.Random(3)
    for number in (len(voters), len(voters) // 2):
        record = await a_forecast_poll(store)
        ballots = (BallotInput(voter, a_code(source, 3)) for voter in voters[:number])
        await cast(store, record, *ballots)
        await resolved(store, await closed(store, record), "o1")


def ranking_value(score: Score, rank_by: RankBy) -> float:
    """Return the value that orders voters with at least two forecasts, the best highest."""
    mean = score.mean_brier
    assert mean is not None
    values: dict[RankBy, float] = {
        RankBy.ACCURACY: score.ranking_value,
        RankBy.PEER: score.peer,
        RankBy.PEER_AVERAGE: score.peer / score.forecasts,
        RankBy.BASELINE: score.baseline,
        RankBy.BRIER: -mean,
    }
    return values[rank_by]


@pytest.mark.parametrize("rank_by", list(RankBy))
async def test_new_order_ranks_rows_by_its_score(store: Store, rank_by: RankBy) -> None:
    await scored_forecasts(store, [a_voter() for _ in range(30)])
    version = (await board(store)).series.version
    await edited(store, rank_by=rank_by, minimum=2)
    found = await board(store)
    assert (found.series.rank_by, found.series.minimum, found.series.version) == (rank_by, 2, version + 1)
    ranked = [row for row in found.rows if row.rank is not None]
    assert (len(found.rows), len(ranked)) == (30, 15)
    assert all(row.score.forecasts == 1 for row in found.rows[15:])
    values = [ranking_value(row.score, rank_by) for row in ranked]
    assert values == sorted(values, reverse=True)
    assert [row.rank for row in ranked] == [1 + sum(other > own for other in values) for own in values]


async def test_new_order_is_kept_by_later_resolutions(store: Store) -> None:
    voters = [a_voter() for _ in range(10)]
    await scored_forecasts(store, voters)
    await edited(store, rank_by="brier", minimum=1)
    await scored_forecasts(store, voters)
    means = [row.score.mean_brier or 0 for row in (await board(store)).rows]
    assert means == sorted(means)


async def test_default_minimum_of_means_is_ten(store: Store) -> None:
    await scored_forecasts(store, [a_voter() for _ in range(4)])
    await edited(store, rank_by="peer_average")
    found = await board(store)
    assert found.series.minimum == 10
    assert {row.rank for row in found.rows} == {None}
    await edited(store, rank_by="peer")
    assert (await board(store)).series.minimum == 1


async def test_same_settings_keep_the_version(store: Store) -> None:
    await scored_forecasts(store, [a_voter()])
    before = (await board(store)).series
    await edited(store, rank_by="peer", minimum=1, title="World Cup")
    assert (await board(store)).series == before._replace(title="World Cup")
    await edited(store, title="")
    assert (await board(store)).series == before


async def test_settings_create_a_series_and_apply_to_its_first_poll(store: Store) -> None:
    await edited(store, rank_by="baseline", title="World Cup")
    assert (await board(store)).rows == []
    await a_prediction(store)
    found = (await board(store)).series
    assert (found.rank_by, found.title, found.polls) == (RankBy.BASELINE, "World Cup", PollNumbers(open=1))


async def test_readers_see_the_old_or_the_new_order(store: Store) -> None:
    record = await a_prediction(store)
    await crowd(store, record, 3000)
    await resolved(store, await closed(store, record), "home")
    seen, is_done = set(), asyncio.Event()

    async def read() -> None:
        while not is_done.is_set():
            found = await store.series.leaderboard("cup", after=990, limit=20)
            seen.add((found.series.version, found.series.minimum, tuple(row.rank for row in found.rows)))

    reading = asyncio.create_task(read())
    await edited(store, minimum=2)
    is_done.set()
    await reading
    assert seen <= {(1, 1, (*[1] * 10, *[1001] * 10)), (2, 2, (None,) * 20)}


@pytest.mark.parametrize("steps", [0, 3, 7])
async def test_interrupted_order_continues_with_the_next_resolution(
    store: Store, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    record, second = await a_prediction(store), await a_prediction(store)
    await crowd(store, record, 1200)
    await picked(store, second, (a_voter(), "A"))
    await resolved(store, await closed(store, record), "home")
    monkeypatch.setattr(series_settings, "MAX_REQUEST_WAIT_S", 0.0)
    dying = await open_store(valkey.url, namespace=store.connection.namespace)
    call, pages = dying.connection.call, 0

    async def call_until_death(function: str, *args: Any) -> Any:
        nonlocal pages
        pages += function == "rank_series_page"
        if pages > steps:
            await asyncio.Event().wait()  # the process does nothing any more
        return await call(function, *args)

    dying.connection.call = call_until_death  # type: ignore[assignment,method-assign]  # a death at a chosen step
    assert isinstance(await dying.series_settings.edit("cup", {"minimum": "2"}), Progress)
    await dying.close()
    key = series_keys(store.connection.namespace, "cup").series
    assert await store.connection.client.hget(key, "busy") == b"-"
    await resolved(store, await closed(store, second), "home")
    found = await board(store)
    assert (found.series.minimum, found.series.version, found.total) == (2, 3, 1201)
    assert {row.rank for row in found.rows} == {None}


async def test_settings_wait_for_the_scoring_of_a_poll(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record = await a_prediction(store)
    await picked(store, record, (a_voter(), "A"))
    await resolved(store, await closed(store, record), "home")
    key = series_keys(store.connection.namespace, "cup").series
    await store.connection.client.hset(key, "busy", "other")
    monkeypatch.setattr(series_settings, "MAX_REQUEST_WAIT_S", 0.0)
    assert await store.series_settings.edit("cup", {"minimum": "2"}) == Progress(0, 0, "other")
    assert await store.series_settings.edit("cup", {"title": "Cup"}) is None


async def test_numbers_of_polls_follow_phases(store: Store) -> None:
    now = await store.polls.now()
    hour = 3_600_000
    await a_prediction(store)
    await a_prediction(store, opens_at=now + hour)
    await a_prediction(store, opens_at=now + hour, visible_at=now + hour)
    await closed(store, await a_prediction(store))
    canceled, archived, resolved_and_archived = [await a_prediction(store) for _ in range(3)]
    await store.polls.act(canceled.poll.id, LifecycleAction.CANCEL)
    await closed(store, archived)
    await store.polls.act(archived.poll.id, LifecycleAction.ARCHIVE)
    await resolved(store, await closed(store, resolved_and_archived), "home")
    await store.polls.act(resolved_and_archived.poll.id, LifecycleAction.ARCHIVE)
    assert (await board(store)).series.polls == PollNumbers(open=2, closed=1, resolved=1, canceled=2)
