"""Store connection: servers that stop, stall, lose their functions, or return."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from pollwire_server.domain.errors import PollNotFound, StoreUnavailable
from pollwire_server.store import Store, open_store
from pollwire_server.store.transport.connection import StoreConnection
from pollwire_server.store.transport.function_library import UnsupportedStore
from pollwire_server.store.transport.url import MAX_CONNECTIONS
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_poll, a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey
from tests.wait import until

ANSWERED_WITHIN_S = 1.0
BACK_WITHIN_S = 2.0


@pytest.fixture
async def own_store(own_valkey: Valkey) -> AsyncIterator[Store]:
    """Open a store on a server that only this test uses."""
    store = await open_store(own_valkey.url)
    yield store
    await store.close()


async def refused_after_s(store: Store) -> float:
    """Return the time until a call raises ``StoreUnavailable``, in seconds."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.connection.call("probe", (), ())
    return time.monotonic() - began


async def test_killed_store_fails_within_second_and_recovers_with_all_votes(
    own_valkey: Valkey, own_store: Store
) -> None:
    record = await made(own_store)
    await cast(own_store, record, BallotInput(a_voter(), "A"))
    with own_valkey.away():
        assert await refused_after_s(own_store) < ANSWERED_WITHIN_S
        assert not own_store.connection.is_up
        assert own_store.connection.last_error
        (reply,) = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
        assert isinstance(reply, StoreUnavailable)
    await until(lambda: own_store.connection.is_up, BACK_WITHIN_S)
    assert own_store.connection.last_error is None
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(own_store, record)).voters == 2


async def test_restart_between_two_calls_is_unnoticed(own_valkey: Valkey, own_store: Store) -> None:
    record = await made(own_store)
    own_valkey.restart()
    idle = own_store.connection.client.connection_pool._available_connections
    await until(lambda: all(link._reader.at_eof() for link in idle))
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_paused_store_fails_first_calls_within_second_and_later_ones_at_once(
    own_valkey: Valkey, own_store: Store
) -> None:
    record = await made(own_store)
    with own_valkey.paused():
        assert await refused_after_s(own_store) < ANSWERED_WITHIN_S
        assert await refused_after_s(own_store) < 0.05
    await until(lambda: own_store.connection.is_up, BACK_WITHIN_S)
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_many_calls_to_paused_store_all_fail_within_second(
    own_valkey: Valkey, own_store: Store
) -> None:
    asking = 10 * MAX_CONNECTIONS
    with own_valkey.paused():
        took_s = await asyncio.gather(*(refused_after_s(own_store) for _ in range(asking)))
        assert max(took_s) < ANSWERED_WITHIN_S
    await until(lambda: own_store.connection.is_up, BACK_WITHIN_S)
    await asyncio.gather(*(own_store.connection.ping() for _ in range(asking)))
    assert len(own_store.connection.client.connection_pool._in_use_connections) == 0


async def test_open_circuit_fails_at_once_while_older_calls_wait(
    own_valkey: Valkey, own_store: Store
) -> None:
    own_valkey.kill()
    await refused_after_s(own_store)
    async with contextlib.AsyncExitStack() as taken:
        for _ in range(MAX_CONNECTIONS):
            await taken.enter_async_context(own_store.connection._call_slots)
        assert await refused_after_s(own_store) < 0.05


async def test_more_calls_than_connections_are_queued(store: Store) -> None:
    record = await made(store)
    casts = [cast(store, record, BallotInput(a_voter(), "A")) for _ in range(5 * MAX_CONNECTIONS)]
    assert set(map(tuple, await asyncio.gather(*casts))) == {(BallotStatus.COUNTED,)}


async def test_cancelled_call_leaves_no_reply_or_connection_behind(
    own_valkey: Valkey, own_store: Store
) -> None:
    record = await made(own_store)
    pool = own_store.connection.client.connection_pool
    with own_valkey.paused():
        call = asyncio.create_task(own_store.connection.call("probe", (), ()))
        await until(lambda: pool._in_use_connections)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert (await own_store.polls.get(record.poll.id)).poll == record.poll
    assert len(pool._in_use_connections) == 0


async def test_flushed_library_is_reloaded_and_call_runs_once(store: Store) -> None:
    record = await made(store)
    await store.connection.client.execute_command("FUNCTION FLUSH")
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(store, record)).seq == 1


async def test_flushed_library_in_pipeline_runs_each_call_once(store: Store) -> None:
    records = [await made(store) for _ in range(3)]
    await store.connection.client.execute_command("FUNCTION FLUSH")
    replies = await store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")]) for record in records])
    assert not any(isinstance(reply, Exception) for reply in replies)
    assert [(await tally_of(store, record)).seq for record in records] == [1, 1, 1]


async def test_flushed_store_starts_later_epoch(own_store: Store) -> None:
    record = await made(own_store)
    await cast(own_store, record, BallotInput(a_voter(), "A"))
    before = await tally_of(own_store, record)
    await own_store.connection.client.flushall()
    with pytest.raises(PollNotFound):
        await own_store.polls.get(record.poll.id)
    (reply,) = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
    assert isinstance(reply, PollNotFound)
    assert own_store.polls.cached(record.poll.id) is None
    recreated, created = await own_store.polls.create(record.poll, "digest")
    assert created
    assert (await tally_of(own_store, recreated)).epoch > before.epoch


async def test_service_starts_before_store(own_valkey: Valkey) -> None:
    own_valkey.kill()
    store = await open_store(own_valkey.url)
    assert not store.connection.has_answered
    assert await refused_after_s(store) < 0.05
    own_valkey.start()
    async with asyncio.timeout(BACK_WITHIN_S):
        await store.connection.wait_up()
    _, created = await store.polls.create(a_poll(), "digest")
    assert created
    assert store.connection.has_answered
    await store.close()


async def test_store_without_function_permission_raises_unsupported_store(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    deny = ("ACL", "SETUSER", "default", "-function|load")
    await store.connection.client.execute_command(*deny)
    await store.close()
    with pytest.raises(UnsupportedStore, match="rejects the function library"):
        await open_store(own_valkey.url)


async def test_wrong_store_password_raises_error_without_showing_it(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    await store.connection.client.execute_command("ACL", "SETUSER", "someone", "on", ">right")
    await store.close()
    with pytest.raises(UnsupportedStore, match="rejects the user name or password") as refused:
        await open_store(own_valkey.url.replace("unix://", "unix://someone:wr0ng@"))
    assert "wr0ng" not in str(refused.value)


async def test_error_of_one_function_call_does_not_affect_next(store: Store) -> None:
    record = await made(store)
    await store.connection.client.set("a-string", "x")
    with pytest.raises(StoreUnavailable):
        await store.connection.call("read_poll", (b"a-string", record.keys[1]), (b"", "", 0))
    assert store.connection.is_up
    await store.connection.client.delete("a-string")


async def test_repeated_store_rejections_are_logged_once(
    own_valkey: Valkey, own_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    record = await made(own_store)
    connection = own_store.connection
    await connection.command("CONFIG", "SET", "maxmemory", "1")
    for _ in range(20):
        replies = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])] * 2)
        assert all(isinstance(reply, StoreUnavailable) for reply in replies)
        with pytest.raises(StoreUnavailable):
            await connection.command("SET", "a-string", "x")
    assert connection.is_up
    (line,) = [message for message in caplog.messages if "rejects writes" in message]
    assert "memory" in line


async def test_connection_closes_while_probing(own_valkey: Valkey) -> None:
    own_valkey.kill()
    connection = await StoreConnection.open(own_valkey.url)
    await connection.close()
    assert not connection.is_up


async def test_repeated_reply_closes_connection(own_valkey: Valkey, own_store: Store) -> None:
    record = await made(own_store)
    connection = own_store.connection
    pool = connection.client.connection_pool
    await cast(own_store, record, BallotInput(a_voter(), "A"))
    link = pool._available_connections[-1]
    real_get = pool.get_connection

    async def with_a_stale_reply() -> object:
        taken = await real_get()
        await taken.send_command("ECHO", "what somebody else asked")
        return taken

    pool.get_connection = with_a_stale_reply
    (reply,) = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
    pool.get_connection = real_get
    assert isinstance(reply, StoreUnavailable)
    assert not link.is_connected
    await until(lambda: connection.is_up)
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
