"""A poll of a series lies with it, and everything about the poll goes on by its id."""

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
    """A prediction that lies with a series."""
    return await made(store, kind=Kind.PREDICTION, series=series, options=options("home", "away"), **changes)


async def exists(store: Store, *keys: bytes) -> int:
    """How many of the keys there are."""
    found: int = await store.connection.client.exists(*keys)
    return found


async def another(store: Store, valkey: Valkey) -> Store:
    """Another process's view of the same polls."""
    return await open_store(valkey.url, namespace=store.connection.namespace)


async def test_a_poll_lies_with_its_series(store: Store) -> None:
    """Every key of the poll is in the slot of the series; at its id there is a home alone."""
    record = await of_series(store)
    namespace = store.connection.namespace
    assert all(b"{s:cup}" in key for key in record.keys)
    assert await exists(store, keys_of(namespace, record.poll.id)[0]) == 0
    assert await exists(store, location_key(namespace, record.poll.id)) == 1
    assert await exists(store, record.keys[0], *series_keys(namespace, "cup")[:2]) == 3


async def test_a_poll_without_a_series_has_no_home(store: Store) -> None:
    """Nothing is written beside a poll that lies at its id."""
    record = await made(store)
    assert await exists(store, location_key(store.connection.namespace, record.poll.id)) == 0


async def test_a_voter_is_the_same_in_all_polls_of_a_series(store: Store) -> None:
    """The polls of one series share a key, which polls of another do not have."""
    first, second, other = await of_series(store), await of_series(store), await of_series(store, "league")
    assert first.voter_key == second.voter_key != other.voter_key


async def test_whoever_does_not_know_finds_it(store: Store, valkey: Valkey) -> None:
    """A process that never met the poll reads it, votes in it, edits and moves it."""
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


async def test_positions_are_found_once_the_poll_was_read(store: Store) -> None:
    """A sweep over polls of several slots tells where each stands."""
    ids = [(await of_series(store)).poll.id, (await made(store)).poll.id]
    standings = await store.results.positions(ids)
    assert all(standings[poll_id] is not None for poll_id in ids)


async def test_an_identical_repeat_is_no_other_poll(store: Store) -> None:
    """Creating the same poll again answers the one that stands; another one of the id is refused."""
    record = await of_series(store)
    again, created = await store.polls.create(record.poll, "digest")
    assert (again.poll, created) == (record.poll, False)
    with pytest.raises(PollExists):
        await store.polls.create(record.poll, "another digest")


@pytest.mark.parametrize(("first", "second"), [("cup", "league"), ("cup", None), (None, "cup")])
async def test_an_id_is_one_poll_wherever_it_lies(
    store: Store, first: str | None, second: str | None
) -> None:
    """An id that has a poll in one place takes none in another."""
    record = await of_series(store, first)
    with pytest.raises(PollExists):
        await of_series(store, second, id=record.poll.id)
    assert (await store.polls.get(record.poll.id)).poll == record.poll


async def test_a_creation_that_broke_off_is_finished_by_its_repeat(store: Store) -> None:
    """A claim whose poll was not made yet does not stand in the way of that poll."""
    poll = a_poll(kind=Kind.PREDICTION, series="cup")
    await store.locations.claim(poll.id, "cup", "0" * 12)
    with pytest.raises(PollNotFound):
        await store.polls.get(poll.id)
    record, created = await store.polls.create(poll, "digest")
    assert created
    assert (await store.polls.get(poll.id)).poll == record.poll


@pytest.mark.parametrize("series", ["league", None])
async def test_a_claim_without_a_poll_gives_way_in_the_end(store: Store, series: str | None) -> None:
    """While a creation may still be under way its claim holds; after that the id is free."""
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
async def test_a_deleted_polls_id_may_be_used_anywhere(
    store: Store, valkey: Valkey, series: str | None
) -> None:
    """After a delete the id is free, also to a process that remembers where its poll used to lie."""
    record = await of_series(store)
    stranger = await another(store, valkey)
    await stranger.polls.get(record.poll.id)
    await store.polls.delete(record.poll.id)
    with pytest.raises(PollNotFound):
        await stranger.polls.get(record.poll.id)
    made_anew = await of_series(store, series, id=record.poll.id)
    assert (await stranger.polls.get(record.poll.id)).incarnation == made_anew.incarnation
    await stranger.close()


async def test_the_audit_log_is_found_after_the_poll_has_gone(store: Store, valkey: Valkey) -> None:
    """What was done to a deleted poll of a series can be read by its id."""
    record = await of_series(store)
    await store.polls.delete(record.poll.id, by="ama")
    stranger = await another(store, valkey)
    entries, _ = await stranger.audit_log.entries(record.poll.id, cursor=None, limit=10)
    assert [entry.act for entry in entries] == ["delete", "create"]
    await stranger.close()


async def test_a_series_is_gone_with_its_last_poll(store: Store) -> None:
    """Deleting the last poll leaves nothing of the series."""
    first, last = await of_series(store), await of_series(store)
    kept = series_keys(store.connection.namespace, "cup")
    await store.polls.delete(first.poll.id)
    assert await exists(store, *kept) == 2
    await store.polls.delete(last.poll.id)
    assert await exists(store, *kept) == 0


async def test_the_series_key_goes_with_the_last_that_needs_it(store: Store) -> None:
    """Archiving destroys a poll's ballots at once, and with the last poll the series' key to its voters."""
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


async def test_a_reset_keeps_the_key_that_others_use(store: Store) -> None:
    """A poll of a series that begins anew still knows its voters as the series does."""
    record = await of_series(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    reset = await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert reset.voter_key == record.voter_key
    assert (await tally_of(store, reset)).voters == 0
