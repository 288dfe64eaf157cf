"""Location of polls: polls of a series share its hash slot, and all operations find a poll by its id."""

from __future__ import annotations

import pytest
from pollwire_server.domain.errors import PollExists, PollNotFound
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import keys_of, location_key, series_keys
from pollwire_server.store.polls.location import CLAIM_TTL_MS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_poll, a_voter, options
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey


async def of_series(store: Store, series: str | None = "cup", **changes: object) -> PollRecord:
    """Create a prediction of a series."""
    return await made(store, kind=Kind.PREDICTION, series=series, options=options("home", "away"), **changes)


async def exists(store: Store, *keys: bytes) -> int:
    """Return how many of the keys exist."""
    found: int = await store.connection.client.exists(*keys)
    return found


async def another(store: Store, valkey: Valkey) -> Store:
    """Open the same store as another process would."""
    return await open_store(valkey.url, namespace=store.connection.namespace)


async def test_series_poll_keys_are_in_series_slot(store: Store) -> None:
    record = await of_series(store)
    namespace = store.connection.namespace
    assert all(b"{s:cup}" in key for key in record.keys)
    assert await exists(store, keys_of(namespace, record.poll.id)[0]) == 0
    assert await exists(store, location_key(namespace, record.poll.id)) == 1
    assert await exists(store, record.keys[0], *series_keys(namespace, "cup")[:2]) == 3


async def test_poll_without_series_has_no_location_record(store: Store) -> None:
    record = await made(store)
    assert await exists(store, location_key(store.connection.namespace, record.poll.id)) == 0


async def test_polls_of_one_series_share_voter_key(store: Store) -> None:
    first, second, other = await of_series(store), await of_series(store), await of_series(store, "league")
    assert first.voter_key == second.voter_key != other.voter_key


async def test_process_without_cached_location_finds_series_poll(store: Store, valkey: Valkey) -> None:
    record = await of_series(store)
    stranger = await another(store, valkey)
    found = await stranger.polls.get(record.poll.id)
    assert found.poll == record.poll
    assert await cast(stranger, found, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(store, record)).voters == 1
    await stranger.close()
    newcomer = await another(store, valkey)
    assert (await newcomer.polls.act(record.poll.id, LifecycleAction.CLOSE)).poll.closed_at is not None
    await newcomer.close()


async def test_positions_include_series_polls_after_first_read(store: Store) -> None:
    ids = [(await of_series(store)).poll.id, (await made(store)).poll.id]
    states = await store.results.positions(ids)
    assert all(states[poll_id] is not None for poll_id in ids)


async def test_repeated_creation_returns_existing_series_poll(store: Store) -> None:
    record = await of_series(store)
    again, created = await store.polls.create(record.poll, "digest")
    assert (again.poll, created) == (record.poll, False)
    with pytest.raises(PollExists):
        await store.polls.create(record.poll, "another digest")


@pytest.mark.parametrize(("first", "second"), [("cup", "league"), ("cup", None), (None, "cup")])
async def test_poll_id_is_unique_across_locations(
    store: Store, first: str | None, second: str | None
) -> None:
    record = await of_series(store, first)
    with pytest.raises(PollExists):
        await of_series(store, second, id=record.poll.id)
    assert (await store.polls.get(record.poll.id)).poll == record.poll


async def test_interrupted_creation_is_completed_by_repeat(store: Store) -> None:
    poll = a_poll(kind=Kind.PREDICTION, series="cup")
    await store.locations.claim(poll.id, "cup", "0" * 12)
    with pytest.raises(PollNotFound):
        await store.polls.get(poll.id)
    record, created = await store.polls.create(poll, "digest")
    assert created
    assert (await store.polls.get(poll.id)).poll == record.poll


@pytest.mark.parametrize("series", ["league", None])
async def test_claim_without_poll_expires(store: Store, series: str | None) -> None:
    poll = a_poll(kind=Kind.PREDICTION, series=series)
    await store.locations.claim(poll.id, "cup", "0" * 12)
    with pytest.raises(PollExists):
        await store.polls.create(poll, "digest")
    long_ago = await store.polls.now() - CLAIM_TTL_MS
    await store.connection.client.hset(location_key(store.connection.namespace, poll.id), "at", long_ago)
    _, created = await store.polls.create(poll, "digest")
    assert created
    assert (await store.polls.get(poll.id)).poll.series == series


@pytest.mark.parametrize("series", ["cup", "league", None])
async def test_id_of_deleted_poll_can_be_used_at_any_location(
    store: Store, valkey: Valkey, series: str | None
) -> None:
    record = await of_series(store)
    stranger = await another(store, valkey)
    await stranger.polls.get(record.poll.id)
    await store.polls.delete(record.poll.id)
    with pytest.raises(PollNotFound):
        await stranger.polls.get(record.poll.id)
    recreated = await of_series(store, series, id=record.poll.id)
    assert (await stranger.polls.get(record.poll.id)).incarnation == recreated.incarnation
    await stranger.close()


async def test_audit_log_of_deleted_series_poll_is_readable(store: Store, valkey: Valkey) -> None:
    record = await of_series(store)
    await store.polls.delete(record.poll.id, by="ama")
    stranger = await another(store, valkey)
    entries, _ = await stranger.audit_log.entries(record.poll.id, cursor=None, limit=10)
    assert [entry.act for entry in entries] == ["delete", "create"]
    await stranger.close()


async def test_deleting_last_poll_deletes_series(store: Store) -> None:
    first, last = await of_series(store), await of_series(store)
    keys_before = series_keys(store.connection.namespace, "cup")
    await store.polls.delete(first.poll.id)
    assert await exists(store, *keys_before) == 2
    await store.polls.delete(last.poll.id)
    assert await exists(store, *keys_before) == 0


async def test_archiving_last_poll_deletes_series_voter_key(store: Store) -> None:
    series = series_keys(store.connection.namespace, "cup").series
    first, last = await of_series(store), await of_series(store)
    for record in (first, last):
        assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
        await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    archived = await store.polls.act(first.poll.id, LifecycleAction.ARCHIVE)
    assert archived.voter_key == b""
    assert await exists(store, *first.keys[2:18]) == 0
    assert await store.connection.client.hget(series, "voter_key") == last.voter_key
    await store.polls.act(last.poll.id, LifecycleAction.ARCHIVE)
    assert await store.connection.client.hget(series, "voter_key") is None


async def test_reset_keeps_series_voter_key(store: Store) -> None:
    record = await of_series(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    reset = await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert reset.voter_key == record.voter_key
    assert (await tally_of(store, reset)).voters == 0
