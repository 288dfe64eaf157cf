"""Reading of totals and states."""

from __future__ import annotations

import msgspec
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.poll import Identity
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store, open_store
from pollwire_server.store.results.reader import PollReading, PollState
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import FAR_OFF, LONG_AGO, a_voter
from tests.store.ballot_helpers import cast, made, tally_of
from tests.valkey import Valkey


async def test_read_many_returns_reading_or_error_for_each_poll(store: Store) -> None:
    records = [await made(store) for _ in range(3)]
    await cast(store, records[1], BallotInput(a_voter(), "B"))
    found = await store.results.read_many([record.poll.id for record in records] + ["nowhere"])
    assert isinstance(found["nowhere"], PollNotFound)
    readings = [found[record.poll.id] for record in records]
    assert [reading.tally.voters for reading in readings if isinstance(reading, PollReading)] == [0, 1, 0]
    assert await store.results.read_many([]) == {}


async def test_read_returns_poll_only_to_reader_with_stale_stamp(store: Store, valkey: Valkey) -> None:
    other = await open_store(valkey.url, namespace=store.connection.namespace)
    record = await made(store)
    read_record = (await store.results.read(record.poll.id)).record
    assert (await store.results.read(record.poll.id)).record is read_record
    edited = msgspec.structs.replace(record.poll, question="Which?", version=2)
    await other.polls.edit(await other.polls.get(record.poll.id), edited, assumes_unvoted=True)
    assert (await store.results.read(record.poll.id)).record.poll == edited
    await other.close()


async def test_record_read_after_first_vote_is_voted(store: Store) -> None:
    record = await made(store)
    assert not (await store.polls.get(record.poll.id)).voted
    await cast(store, record, BallotInput(a_voter(), "A"))
    assert (await store.polls.get(record.poll.id)).voted


async def test_positions_keep_order_and_return_none_for_missing_poll(store: Store) -> None:
    opened, coming = await made(store), await made(store, opens_at=FAR_OFF)
    over = await made(store, closes_at=LONG_AGO + 1)
    await cast(store, opened, BallotInput(a_voter(), "A"))
    epoch = (await tally_of(store, opened)).epoch
    ids = [opened.poll.id, "nowhere", coming.poll.id, over.poll.id]
    found = await store.results.positions([*ids, opened.poll.id])
    assert list(found) == ids
    assert found[opened.poll.id] == PollState(1, epoch, 1, Phase.OPEN)
    assert found["nowhere"] is None
    phases = [state.phase for state in found.values() if state is not None]
    assert phases == [Phase.OPEN, Phase.SCHEDULED, Phase.CLOSED]


async def test_positions_split_many_polls_into_several_calls(store: Store) -> None:
    records = [await made(store) for _ in range(5)]
    names = [f"none-{number}" for number in range(450)]
    names[::90] = [record.poll.id for record in records]
    found = await store.results.positions(names)
    assert [name for name, state in found.items() if state is not None] == names[::90]


async def test_open_poll_counts_every_ballot(store: Store) -> None:
    record = await made(store, identity=Identity.OPEN)
    await cast(store, record, *(BallotInput(a_voter(), "A") for _ in range(10)))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    assert (await tally_of(store, record)).counts == {"A": 10}
