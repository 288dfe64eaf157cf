"""A store that goes away, stalls, forgets or comes back."""

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
from pollwire_server.store.transport.url import MOST_CONNECTIONS
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_poll, a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey
from tests.wait import until

ANSWERED_WITHIN_S = 1.0
BACK_WITHIN_S = 2.0


@pytest.fixture
async def own_store(own_valkey: Valkey) -> AsyncIterator[Store]:
    """The store on a server that this test alone may harm."""
    store = await open_store(own_valkey.url)
    yield store
    await store.close()


async def refused_after_s(store: Store) -> float:
    """How long it takes to be told that the store is away, in seconds."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.connection.call("probe", (), ())
    return time.monotonic() - began


async def test_a_store_that_was_killed(own_valkey: Valkey, own_store: Store) -> None:
    """Killed: refused well within a second; back: answered within two seconds, with every vote."""
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


async def test_a_store_that_was_killed_while_nobody_asked(own_valkey: Valkey, own_store: Store) -> None:
    """A restart between two calls goes unnoticed: a connection found dead is made anew."""
    record = await made(own_store)
    own_valkey.restart()
    idle = own_store.connection.client.connection_pool._available_connections
    await until(lambda: all(link._reader.at_eof() for link in idle))
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_a_store_that_is_paused(own_valkey: Valkey, own_store: Store) -> None:
    """Paused: the first calls wait for less than a second, later ones not at all; back: answered again."""
    record = await made(own_store)
    with own_valkey.paused():
        assert await refused_after_s(own_store) < ANSWERED_WITHIN_S
        assert await refused_after_s(own_store) < 0.05
    await until(lambda: own_store.connection.is_up, BACK_WITHIN_S)
    assert await cast(own_store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_a_crowd_at_a_paused_store(own_valkey: Valkey, own_store: Store) -> None:
    """However many ask while it is paused, all are refused within a second, and let go of connections."""
    asking = 10 * MOST_CONNECTIONS
    with own_valkey.paused():
        took_s = await asyncio.gather(*(refused_after_s(own_store) for _ in range(asking)))
        assert max(took_s) < ANSWERED_WITHIN_S
    await until(lambda: own_store.connection.is_up, BACK_WITHIN_S)
    await asyncio.gather(*(own_store.connection.ping() for _ in range(asking)))
    assert len(own_store.connection.client.connection_pool._in_use_connections) == 0


async def test_calls_that_wait_hold_up_no_refusal(own_valkey: Valkey, own_store: Store) -> None:
    """Once the store is known to be away, a call is refused at once though older calls take every slot."""
    own_valkey.kill()
    await refused_after_s(own_store)
    async with contextlib.AsyncExitStack() as taken:
        for _ in range(MOST_CONNECTIONS):
            await taken.enter_async_context(own_store.connection._slots)
        assert await refused_after_s(own_store) < 0.05


async def test_a_crowd_at_a_store_that_answers(store: Store) -> None:
    """More calls at once than there are connections wait their turn and are answered."""
    record = await made(store)
    casts = [cast(store, record, BallotInput(a_voter(), "A")) for _ in range(5 * MOST_CONNECTIONS)]
    assert set(map(tuple, await asyncio.gather(*casts))) == {(BallotStatus.COUNTED,)}


async def test_a_caller_who_gives_up(own_valkey: Valkey, own_store: Store) -> None:
    """A call cancelled in flight leaves no reply behind for the next one, and no connection taken."""
    record = await made(own_store)
    pool = own_store.connection.client.connection_pool
    with own_valkey.paused():
        call = asyncio.create_task(own_store.connection.call("probe", (), ()))
        await until(lambda: pool._in_use_connections)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert (await own_store.polls.get(record.poll.id)).poll == record.poll
    assert len(pool._in_use_connections) == 0


async def test_functions_flushed_behind_our_back(store: Store) -> None:
    """A library that is gone is loaded again and the call done, once."""
    record = await made(store)
    await store.connection.client.execute_command("FUNCTION FLUSH")
    assert await cast(store, record, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]
    assert (await tally_of(store, record)).seq == 1


async def test_functions_flushed_in_a_pipeline(store: Store) -> None:
    """Of calls gathered into one round trip, each is done once, in its place."""
    records = [await made(store) for _ in range(3)]
    await store.connection.client.execute_command("FUNCTION FLUSH")
    replies = await store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")]) for record in records])
    assert not any(isinstance(reply, Exception) for reply in replies)
    assert [(await tally_of(store, record)).seq for record in records] == [1, 1, 1]


async def test_everything_flushed_behind_our_back(own_store: Store) -> None:
    """A store that lost everything has no poll, and one made anew starts a later epoch."""
    record = await made(own_store)
    await cast(own_store, record, BallotInput(a_voter(), "A"))
    before = await tally_of(own_store, record)
    await own_store.connection.client.flushall()
    with pytest.raises(PollNotFound):
        await own_store.polls.get(record.poll.id)
    (reply,) = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])])
    assert isinstance(reply, PollNotFound)
    assert own_store.polls.cached(record.poll.id) is None
    anew, created = await own_store.polls.create(record.poll, "digest")
    assert created
    assert (await tally_of(own_store, anew)).epoch > before.epoch


async def test_a_store_that_is_away_at_the_start(own_valkey: Valkey) -> None:
    """A service may start before its store: calls are refused until it answers, then done."""
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


async def test_a_store_that_denies_functions(own_valkey: Valkey) -> None:
    """A server on which the library may not be loaded is a clear error at the start."""
    store = await open_store(own_valkey.url)
    deny = ("ACL", "SETUSER", "default", "-function|load")
    await store.connection.client.execute_command(*deny)
    await store.close()
    with pytest.raises(UnsupportedStore, match="refuses the function library"):
        await open_store(own_valkey.url)


async def test_a_store_with_another_password(own_valkey: Valkey) -> None:
    """A password that the server refuses is a clear error at the start, and is not shown."""
    store = await open_store(own_valkey.url)
    await store.connection.client.execute_command("ACL", "SETUSER", "someone", "on", ">right")
    await store.close()
    with pytest.raises(UnsupportedStore, match="refuses the user name or password") as refused:
        await open_store(own_valkey.url.replace("unix://", "unix://someone:wr0ng@"))
    assert "wr0ng" not in str(refused.value)


async def test_a_call_that_the_store_refuses_is_no_outage(store: Store) -> None:
    """A function's own error is that call's alone: the next one is answered."""
    record = await made(store)
    await store.connection.client.set("a-string", "x")
    with pytest.raises(StoreUnavailable):
        await store.connection.call("read_poll", (b"a-string", record.keys[1]), (b"", "", 0))
    assert store.connection.is_up
    await store.connection.client.delete("a-string")


async def test_a_store_that_refuses_everything_is_told_of_once(
    own_valkey: Valkey, own_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Without memory, calls alone and in a batch are refused one by one, in one line of the log."""
    record = await made(own_store)
    connection = own_store.connection
    await connection.command("CONFIG", "SET", "maxmemory", "1")
    for _ in range(20):
        replies = await own_store.ballots.cast_many([(record, [BallotInput(a_voter(), "A")])] * 2)
        assert all(isinstance(reply, StoreUnavailable) for reply in replies)
        with pytest.raises(StoreUnavailable):
            await connection.command("SET", "a-string", "x")
    assert connection.is_up
    (line,) = [message for message in caplog.messages if "refused a call" in message]
    assert "memory" in line


async def test_closing_while_knocking(own_valkey: Valkey) -> None:
    """A connection that is waiting for its store can be closed."""
    own_valkey.kill()
    connection = await StoreConnection.open(own_valkey.url)
    await connection.close()
    assert not connection.is_up


async def test_replies_out_of_step_are_not_believed(own_valkey: Valkey, own_store: Store) -> None:
    """A reply that was repeated on its way ends its connection; no call is told what another asked."""
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
