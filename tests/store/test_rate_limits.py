"""Rate limits of networks: the store computes as the domain does, and removes expired entries."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pollwire_server.domain.poll import Revote
from pollwire_server.domain.rate_limit import RateLimit, acquire, whole_seconds
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import RATE_LIMITS, rate_limits_key
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.rate_limits import ANY_DEBT, MAX_DEBT_PERIODS, RateLimitRequest
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus, CastReply

from tests.factories import a_voter
from tests.store.ballot_helpers import made, set_field, tally_of
from tests.valkey import Valkey
from tests.wait import until

NET, OTHER = b"network1", b"network2"
DAY = 86_400


def ballots(network: bytes, count: int, code: str = "A") -> list[BallotInput]:
    """Return ballots of ``count`` voters of one network."""
    return [BallotInput(a_voter(), code, None, network) for _ in range(count)]


async def with_limit(
    store: Store, record: PollRecord, limit: RateLimit | None, casts: list[BallotInput]
) -> CastReply:
    """Return the reply to one batch under a rate limit."""
    (reply,) = await store.ballots.with_rate_limit(limit).cast_many([(record, casts)])
    assert isinstance(reply, CastReply)
    return reply


async def statuses(
    store: Store, record: PollRecord, limit: RateLimit | None, casts: list[BallotInput]
) -> list[str]:
    """Cast ballots with a rate limit and return the status of each."""
    return [outcome.status.value for outcome in outcomes(await with_limit(store, record, limit, casts))]


def outcomes(reply: CastReply) -> list[BallotOutcome]:
    """Return the outcomes of an accepted batch."""
    assert reply.outcomes is not None
    return reply.outcomes


async def test_network_votes_stop_at_limit(store: Store) -> None:
    record, limit = await made(store), RateLimit(3, DAY)
    casts = [*ballots(NET, 5), *ballots(OTHER, 2), *ballots(b"", 2)]
    reply = await with_limit(store, record, limit, casts)
    found = outcomes(reply)
    assert [outcome.status for outcome in found] == [
        *3 * [BallotStatus.COUNTED],
        *2 * [BallotStatus.RATE_LIMITED],
        *4 * [BallotStatus.COUNTED],
    ]
    waits = [outcome.at - reply.now for outcome in found if outcome.status is BallotStatus.RATE_LIMITED]
    assert waits == 2 * [DAY * 1000 // 3]
    assert whole_seconds(waits[0]) == DAY // 3
    tally = await tally_of(store, record)
    assert (tally.voters, tally.seq, tally.counts) == (7, 7, {"A": 7})
    assert await statuses(store, record, limit, ballots(NET, 1)) == ["rate-limited"]


async def test_repeated_and_rejected_votes_cost_no_token(store: Store) -> None:
    record, limit = await made(store), RateLimit(2, DAY)
    (mine,) = ballots(NET, 1)
    assert await statuses(store, record, limit, [mine] * 5) == ["counted", *4 * ["unchanged"]]
    refused = [replace(mine, code="B")] * 5
    assert await statuses(store, record, limit, refused) == 5 * ["already-voted"]
    assert await statuses(store, record, limit, ballots(NET, 2)) == ["counted", "rate-limited"]
    assert await statuses(store, record, limit, [mine]) == ["unchanged"], "also when nothing is left"


async def test_changed_vote_costs_a_token(store: Store) -> None:
    record, limit = await made(store, revote=Revote.CHANGE), RateLimit(3, DAY)
    (mine,) = ballots(NET, 1)
    there_and_back = [replace(mine, code="AB"[turn % 2]) for turn in range(5)]
    assert await statuses(store, record, limit, there_and_back) == [
        "counted",
        "changed",
        "changed",
        "rate-limited",
        "unchanged",
    ]


async def test_rate_limits_of_polls_are_independent(store: Store) -> None:
    first, second, limit = await made(store), await made(store), RateLimit(1, DAY)
    for record in (first, second):
        assert await statuses(store, record, limit, ballots(NET, 2)) == ["counted", "rate-limited"]


async def test_closed_is_checked_before_rate_limit(store: Store) -> None:
    record, limit = await made(store), RateLimit(1, DAY)
    assert await statuses(store, record, limit, ballots(NET, 1)) == ["counted"]
    await set_field(store, record, "closed_at", 1)
    assert await statuses(store, record, limit, ballots(NET, 1)) == ["closed"]


async def test_poll_without_limit_stores_no_network(store: Store) -> None:
    record = await made(store)
    assert await statuses(store, record, None, ballots(NET, 3)) == 3 * ["counted"]
    assert not await store.connection.client.exists(record.keys[RATE_LIMITS])


async def test_network_with_full_bucket_is_removed(store: Store) -> None:
    record, limit = await made(store), RateLimit(1000, 1)
    client, key = store.connection.client, record.keys[RATE_LIMITS]
    await statuses(store, record, limit, [cast for n in range(50) for cast in ballots(b"net%05d" % n, 1)])
    assert await client.zcard(key) == 50
    assert 0 < await client.pttl(key) <= 1000
    began = await store.connection.now()

    async def has_passed() -> bool:
        return await store.connection.now() > began + 10

    await until(has_passed)
    await statuses(store, record, limit, ballots(NET, 1))
    assert await client.zrange(key, 0, -1) == [NET]


async def test_archive_deletes_networks(store: Store) -> None:
    record = await made(store)
    await statuses(store, record, RateLimit(5, DAY), ballots(NET, 3))
    assert await store.connection.client.exists(record.keys[RATE_LIMITS])
    for act in (LifecycleAction.CLOSE, LifecycleAction.ARCHIVE):
        await store.polls.act(record.poll.id, act)
    assert not await store.connection.client.exists(record.keys[RATE_LIMITS])


async def test_workers_share_rate_limit(store: Store, valkey: Valkey) -> None:
    second = await open_store(valkey.url, namespace=store.connection.namespace)
    try:
        record, limit = await made(store), RateLimit(10, DAY)
        parts = await asyncio.gather(
            *(statuses(each, record, limit, ballots(NET, 3)) for each in (store, second) for _ in range(5))
        )
        assert sum(part.count("counted") for part in parts) == 10
        waits = await asyncio.gather(
            *(
                each.voter_rate_limiter.acquire_many(limit, [RateLimitRequest(NET)] * 4)
                for each in (store, second)
                for _ in range(4)
            )
        )
        assert sum(wait == 0 for part in waits for wait in part) == 10
    finally:
        await second.close()


async def test_paid_request_adds_debt(store: Store) -> None:
    limit, acquire_many = RateLimit(2, 100), store.voter_rate_limiter.acquire_many
    assert await acquire_many(limit, [RateLimitRequest(NET)] * 3) == [0, 0, 50_000]
    assert await acquire_many(limit, [RateLimitRequest(NET, ANY_DEBT)] * 2) == [0, 0]
    (wait,) = await acquire_many(limit, [RateLimitRequest(NET)])
    assert 149_000 < wait <= 150_000
    await acquire_many(limit, [RateLimitRequest(NET, ANY_DEBT)] * 100)
    (wait,) = await acquire_many(limit, [RateLimitRequest(NET)])
    assert wait <= MAX_DEBT_PERIODS * limit.period_ms + limit.interval_ms


async def test_paid_request_is_rejected_above_the_debt_it_pays_for(store: Store) -> None:
    limit, acquire_many = RateLimit(4, DAY), store.voter_rate_limiter.acquire_many
    await acquire_many(limit, [RateLimitRequest(NET)] * 4)
    waits = await acquire_many(limit, [RateLimitRequest(NET, 2)] * 10)
    assert [wait == 0 for wait in waits] == 9 * [True] + [False]


async def test_rejection_with_a_challenge_costs_a_quarter_of_a_token(store: Store) -> None:
    limit, acquire_many = RateLimit(4, DAY), store.voter_rate_limiter.acquire_many
    await acquire_many(limit, [RateLimitRequest(NET)] * 4)
    first, *_ = await acquire_many(limit, [RateLimitRequest(NET, gets_challenge=True)] * 8)
    (later,) = await acquire_many(limit, [RateLimitRequest(NET)])
    assert later - first == pytest.approx(2 * limit.interval_ms, abs=2000)


async def test_single_use_value_is_accepted_once(store: Store) -> None:
    spent = await asyncio.gather(*(store.voter_rate_limiter.use_once(b"nonce", 10_000) for _ in range(20)))
    assert sum(spent) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 50),
    st.integers(1, 3600),
    st.lists(st.lists(st.sampled_from([NET, OTHER]), min_size=1, max_size=40), min_size=1, max_size=4),
)
async def test_store_rate_limit_matches_domain(
    store: Store, count: int, seconds: int, batches: list[list[bytes]]
) -> None:
    limit, full_at = RateLimit(count, seconds), {NET: 0.0, OTHER: 0.0}
    key = rate_limits_key(store.connection.namespace, "voters")
    await store.connection.client.unlink(key)
    for networks in batches:
        marked = [b"a" + network for network in networks]
        _, now, *waits = await store.connection.call("take_rate_limit", (key,), (count, seconds, 0, *marked))
        for network, wait in zip(networks, waits, strict=True):
            full_at[network], expected_ms = acquire(limit, full_at[network], now)
            assert wait == -(-expected_ms // 1)


@pytest.mark.parametrize("wait_ms", [0.1, 1, 999, 1000])
def test_wait_is_rounded_up_to_seconds(wait_ms: float) -> None:
    assert whole_seconds(wait_ms) == 1
