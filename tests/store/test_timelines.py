"""Timelines: correct totals at each point, and a bounded number of points for any duration."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import struct
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.poll import Kind, Revote, Scale
from pollwire_server.domain.tally import Tally
from pollwire_server.domain.timeline import TimelineSample
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import TIMELINE
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.results.timelines import decode_point
from pollwire_server.store.votes.ballots import BallotInput

from tests.factories import a_voter
from tests.store.ballot_helpers import cast, made, set_field, tally_of
from tests.valkey import Valkey

MAX_POINTS = 2000
"""Points, the newest one included."""

VOTERS = [bytes([number]) * 16 for number in range(6)]
SECOND = 1000


async def moments_of(store: Store, record: PollRecord) -> list[TimelineSample]:
    """Return all points of the stored timeline, the newest last."""
    points = await store.connection.client.lrange(record.keys[TIMELINE], 0, -1)
    newest = (await store.timelines.read(record.poll.id)).newest
    return [decode_point(point) for point in points] + ([] if newest is None else [newest])


async def interval_over(store: Store, record: PollRecord) -> None:
    """End the current interval now, by changing the stored time of its end."""
    state = await store.connection.client.hget(record.keys[0], "timeline")
    _, step = struct.unpack(">6sI", state)
    ends = (await store.polls.now()).to_bytes(6, "big")
    await set_field(store, record, "timeline", ends + struct.pack(">I", step))


async def test_timeline_without_votes_has_no_points(store: Store) -> None:
    record = await made(store)
    assert (await store.timelines.read(record.poll.id)).body == b'{"points":[]}'
    with pytest.raises(PollNotFound):
        await store.timelines.read("nowhere")


async def test_first_point_precedes_first_vote(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    first, last = await moments_of(store, record)
    assert (first.voters, first.at % SECOND) == (0, 0)
    assert first.at < last.at
    assert (last.voters, last.counts) == (1, {"A": 1})


async def test_interval_stores_at_most_one_point(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    long = (await store.polls.now() + 60_000).to_bytes(6, "big") + struct.pack(">I", SECOND)
    await set_field(store, record, "timeline", long)
    for _ in range(20):
        await cast(store, record, BallotInput(a_voter(), "B"))
    first, last = await moments_of(store, record)
    assert (first.voters, last.voters) == (0, 21)


async def test_rejected_and_unchanged_ballots_store_no_point(store: Store) -> None:
    record = await made(store)
    voter = a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await interval_over(store, record)
    await cast(store, record, BallotInput(voter, "A"), BallotInput(voter, "B"))
    assert len(await moments_of(store, record)) == 2


steps = st.lists(
    st.tuples(
        st.integers(0, 4 * SECOND),
        st.lists(st.tuples(st.sampled_from(VOTERS), st.sampled_from("ABC")), min_size=1, max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


class State(NamedTuple):
    """Totals that were current at ``seen``, and not before ``begun``."""

    begun: int
    seen: int
    voters: int
    counts: dict[str, int]

    @classmethod
    def of(cls, begun: int, tally: Tally) -> State:
        """Create the state from totals that were just read."""
        return cls(begun, tally.now, tally.voters, votes(tally.counts))

    @property
    def totals(self) -> tuple[int, dict[str, int]]:
        """Return the fields that a timeline point has."""
        return self.voters, self.counts

    def earlier(self, ms: int) -> State:
        """Return the state moved ``ms`` into the past."""
        return self._replace(begun=self.begun - ms, seen=self.seen - ms)


@settings(max_examples=60, deadline=None)
@given(history=steps, kind=st.sampled_from([Kind.SINGLE, Kind.RATING, Kind.RANKED]))
def test_random_history_matches_model(
    valkey: Valkey, history: list[tuple[int, list[tuple[bytes, str]], bool]], kind: Kind
) -> None:
    """Times rise strictly, each point has the totals before its time, and the last one equals the tally."""
    asyncio.run(live_through(valkey, history, kind))


async def live_through(
    valkey: Valkey, history: list[tuple[int, list[tuple[bytes, str]], bool]], kind: Kind
) -> None:
    """Run the history on the store, move the stored timeline back by each pause, and record the totals."""
    store = await open_store(valkey.url, namespace=f"h{secrets.token_hex(5)}")
    try:
        scale = {"options": (), "scale": Scale(min=1, max=5)} if kind is Kind.RATING else {}
        record = await made(store, revote=Revote.WITHDRAW, kind=kind, **scale)
        truth: list[State] = []
        passing: list[State] = []
        for pause_ms, casts, withdraws in history:
            await let_pass(store, record, pause_ms)
            truth = [state.earlier(pause_ms) for state in truth]
            passing = [state.earlier(pause_ms) for state in passing]
            begun = await store.polls.now()
            code = {"A": "1", "B": "2", "C": "3"} if kind is Kind.RATING else {}
            await cast(
                store, record, *(BallotInput(voter, code.get(letter, letter)) for voter, letter in casts)
            )
            if withdraws:
                passing.append(State.of(begun, await tally_of(store, record)))
                await store.ballots.withdraw(record, casts[0][0])
            truth.append(State.of(begun, await tally_of(store, record)))
        check(await moments_of(store, record), truth, passing)
    finally:
        await store.close()


async def let_pass(store: Store, record: PollRecord, pause_ms: int) -> None:
    """Simulate a pause: move all stored points of the timeline into the past."""
    client, key = store.connection.client, record.keys[TIMELINE]
    for place, point in enumerate(await client.lrange(key, 0, -1)):
        await client.lset(key, place, earlier(point, pause_ms))
    state = await client.hget(record.keys[0], "timeline")
    if state is not None:
        await set_field(store, record, "timeline", earlier(state, pause_ms))


def earlier(packed: bytes, ms: int) -> bytes:
    """Return a point or an interval moved ``ms`` into the past."""
    return (int.from_bytes(packed[:6], "big") - ms).to_bytes(6, "big") + packed[6:]


def votes(counts: object) -> dict[str, int]:
    """Return the counts above zero."""
    assert isinstance(counts, dict)
    return {code: number for code, number in counts.items() if number}


def check(moments: list[TimelineSample], truth: list[State], passing: list[State]) -> None:
    """Check every point against the totals before its time.

    ``passing`` are states within one step of the history. A second may end anywhere in it.
    """
    assert all(before.at < after.at for before, after in itertools.pairwise(moments))
    assert (moments[-1].voters, votes(moments[-1].counts)) == truth[-1].totals
    assert (moments[0].voters, votes(moments[0].counts)) == (0, {})
    for moment in moments[1:-1]:
        assert (moment.voters, votes(moment.counts)) in [
            state.totals for state in (*truth, *passing) if state.begun <= moment.at
        ]
    for state, following in itertools.zip_longest(truth, truth[1:]):
        # states that lasted longer than an interval are all there
        later = [moment for moment in moments if moment.at > state.seen]
        if later and (following is None or following.begun > later[0].at):
            assert (later[0].voters, votes(later[0].counts)) == state.totals


async def filled(store: Store, record: PollRecord, points: int, gap_ms: int = SECOND) -> int:
    """Store ``points`` points, a gap apart, the last in the past. Return the time of the first."""
    now = await store.polls.now()
    first = now - now % SECOND - points * gap_ms
    packed = [
        (first + place * gap_ms).to_bytes(6, "big") + struct.pack(">IcI", place, b"A", place)
        for place in range(points)
    ]
    await store.connection.client.rpush(record.keys[TIMELINE], *packed)
    ends = (first + points * gap_ms).to_bytes(6, "big")
    await set_field(store, record, "timeline", ends + struct.pack(">I", SECOND))
    return first


async def test_exceeding_point_limit_halves_points(store: Store) -> None:
    record = await made(store)
    first = await filled(store, record, MAX_POINTS - 1)
    await cast(store, record, BallotInput(a_voter(), "A"))
    moments = await moments_of(store, record)
    assert MAX_POINTS / 2 <= len(moments) <= MAX_POINTS / 2 + 2
    assert moments[0].at == first
    assert all(moment.voters == (moment.at - first) // SECOND for moment in moments[:-2])
    state = await store.connection.client.hget(record.keys[0], "timeline")
    assert struct.unpack(">6sI", state)[1] == 2 * SECOND


async def test_sparse_points_are_halved_in_one_step(store: Store) -> None:
    record = await made(store)
    first = await filled(store, record, MAX_POINTS - 1, gap_ms=37 * SECOND)
    await cast(store, record, BallotInput(a_voter(), "A"))
    moments = await moments_of(store, record)
    assert len(moments) <= 1201
    state = await store.connection.client.hget(record.keys[0], "timeline")
    assert struct.unpack(">6sI", state)[1] < (moments[-1].at - first) / 500


async def test_point_count_stays_within_bound(store: Store) -> None:
    record = await made(store)
    await filled(store, record, MAX_POINTS - 2)
    for _ in range(30):
        await interval_over(store, record)
        await cast(store, record, BallotInput(a_voter(), "A"))
        assert len(await moments_of(store, record)) <= MAX_POINTS
    fresh = await made(store)
    await filled(store, fresh, MAX_POINTS - 2)
    await cast(store, fresh, BallotInput(a_voter(), "A"))
    assert len(await moments_of(store, fresh)) == MAX_POINTS


async def test_point_times_increase_after_clock_step_back(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    await let_pass(store, record, -3_600_000)
    await cast(store, record, BallotInput(a_voter(), "B"))
    first, last = await moments_of(store, record)
    assert first.at < last.at
    assert last.voters == 2


async def test_reset_deletes_timeline_and_archive_keeps_it(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    record = await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert await moments_of(store, record) == []
    await cast(store, record, BallotInput(a_voter(), "B"))
    first, last = await moments_of(store, record)
    assert (first.voters, last.counts) == (0, {"B": 1})
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    before = await moments_of(store, record)
    await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    assert [moment.voters for moment in await moments_of(store, record)] == [
        moment.voters for moment in before
    ]


async def test_timeline_after_lost_history_ends_with_current_tally(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "A"))
    await store.connection.client.hset(record.keys[1], mapping={"seq": 1, "voters": 1, "A": 1})
    read = await store.timelines.read(record.poll.id)
    assert read.newest is not None
    assert (read.newest.voters, read.newest.counts) == (1, {"A": 1})


async def test_concurrent_timeline_requests_share_reads(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    reads = await asyncio.gather(*(store.timelines.read(record.poll.id) for _ in range(50)))
    assert len({id(read) for read in reads}) <= 2


async def test_timeline_version_is_independent_of_read_time(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    one, other = await store.timelines.read(record.poll.id), await store.timelines.read(record.poll.id)
    assert one.version == other.version
    await cast(store, record, BallotInput(a_voter(), "B"))
    assert (await store.timelines.read(record.poll.id)).version != one.version


async def test_unchanged_points_are_not_read_again(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    await interval_over(store, record)
    await cast(store, record, BallotInput(a_voter(), "A"))
    one = await store.timelines.read(record.poll.id)
    assert (await store.timelines.read(record.poll.id)).points is one.points
    await interval_over(store, record)
    await cast(store, record, BallotInput(a_voter(), "B"))
    later = await store.timelines.read(record.poll.id)
    assert later.points[: len(one.points)] == one.points
    assert len(later.points) == len(one.points) + 1


async def test_points_are_read_again_after_a_reset(store: Store) -> None:
    record = await made(store)
    await cast(store, record, BallotInput(a_voter(), "A"))
    await interval_over(store, record)
    await cast(store, record, BallotInput(a_voter(), "A"))
    assert len((await store.timelines.read(record.poll.id)).points) == 2
    await store.polls.act(record.poll.id, LifecycleAction.RESET)
    assert (await store.timelines.read(record.poll.id)).points == ()


@pytest.mark.parametrize("limit", [2, 3, 5, 7, 20])
async def test_thinned_body_keeps_first_and_last_point(store: Store, limit: int) -> None:
    record = await made(store)
    for _ in range(9):
        await cast(store, record, BallotInput(a_voter(), "A"))
        await interval_over(store, record)
    read = await store.timelines.read(record.poll.id)
    every = msgspec.json.decode(read.body)["points"]
    thinned = msgspec.json.decode(read.thinned_body(limit))["points"]
    assert (len(every), len(thinned)) == (10, min(limit, 10))
    assert (thinned[0], thinned[-1]) == (every[0], every[-1])
    assert [point for point in every if point in thinned] == thinned
