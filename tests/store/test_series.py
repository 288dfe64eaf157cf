"""Leaderboard of a series: order of rows, ranks and display names."""

from __future__ import annotations

import pytest
from pollwire_server.domain.errors import NotFound
from pollwire_server.domain.scoring import Score
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store

from tests.factories import a_voter
from tests.store.prediction_helpers import a_prediction, closed, picked, resolved, unresolved
from tests.wait import until


async def test_equal_scores_share_a_rank_across_pages(store: Store) -> None:
    record = await a_prediction(store)
    voters = [a_voter() for _ in range(5)]
    await picked(store, record, *((voter, "A" if place < 2 else "B") for place, voter in enumerate(voters)))
    await resolved(store, await closed(store, record), "home")
    whole, total = await store.series.rows("cup", after=0, limit=10)
    assert ([row.rank for row in whole], total) == ([1, 1, 3, 3, 3], 5)
    assert {row.voter for row in whole[:2]} == set(voters[:2])
    page, _ = await store.series.rows("cup", after=1, limit=2)
    assert page == whole[1:3]
    assert await store.series.row_of("cup", whole[4].voter) == whole[4]


async def test_store_ranking_value_matches_domain_formula(store: Store) -> None:
    ama = a_voter()
    for outcome in ("home", "away", "home", "home"):
        record = await a_prediction(store)
        await picked(store, record, (ama, "A"))
        await resolved(store, await closed(store, record), outcome)
        (row,), _ = await store.series.rows("cup", after=0, limit=1)
        key = f"{store.connection.namespace}:{{s:cup}}:ranks"
        assert await store.connection.client.zscore(key, ama) == pytest.approx(
            row.score.ranking_value, rel=1e-12
        )
    assert row.score == Score(3, 4)


async def test_leaderboard_omits_voters_without_score(store: Store) -> None:
    record, ama = await a_prediction(store), a_voter()
    await picked(store, record, (ama, "A"))
    assert await store.series.row_of("cup", ama) is None
    await resolved(store, await closed(store, record), "home")
    assert await store.series.row_of("cup", ama) is not None
    await unresolved(store, record)
    assert await store.series.row_of("cup", ama) is None


async def test_display_name_is_stored_after_vote_and_replaced_by_newer_name(store: Store) -> None:
    record, ama, kofi = await a_prediction(store), a_voter(), a_voter()
    await picked(store, record, (ama, "A"), (kofi, "B"))
    stranger = a_voter()
    for voter, name in ((ama, "Ama"), (ama, "Ama <b>"), (stranger, "Stranger")):
        store.series.set_display_name(record, voter, name)
        await until(lambda: not store.series._name_tasks)
    await resolved(store, await closed(store, record), "home")
    rows, _ = await store.series.rows("cup", after=0, limit=10)
    assert [row.name for row in rows] == ["Ama <b>", None]
    names = f"{store.connection.namespace}:{{s:cup}}:names"
    assert await store.connection.client.hgetall(names) == {ama: b"Ama <b>"}


async def test_series_lists_existing_polls_newest_first(store: Store) -> None:
    records = [await a_prediction(store) for _ in range(3)]
    ids = {record.poll.id for record in records}
    assert set(await store.series.polls("cup", after=0, limit=10)) == ids
    assert len(await store.series.polls("cup", after=1, limit=1)) == 1
    await store.polls.delete(records[0].poll.id)
    assert set(await store.series.polls("cup", after=0, limit=10)) == ids - {records[0].poll.id}


async def test_unknown_series_raises_not_found_and_archived_series_has_no_key(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.series.rows("cup", after=0, limit=10)
    with pytest.raises(NotFound):
        await store.series.voter_key("cup")
    record = await a_prediction(store)
    assert await store.series.voter_key("cup") == record.voter_key
    await closed(store, record)
    await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    assert await store.series.voter_key("cup") == b""
