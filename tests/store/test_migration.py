"""Migration of a store that an earlier version wrote (``fixtures/schema_1.jsonl``)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pollwire_server.domain.poll import Kind
from pollwire_server.domain.rate_limit import RateLimit
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import migration_lease_key, schema_key
from pollwire_server.store.migration import SCHEMA_VERSION, Migration, plan
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.predictions.resolutions import ResolutionRequest
from pollwire_server.store.rate_limits import RateLimitRequest
from pollwire_server.store.transport.function_library import FunctionLibrary, UnsupportedStore
from pollwire_server.store.transport.url import servers_from_url
from pollwire_server.store.votes.ballots import BallotInput
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.store.ballot_helpers import cast, tally_of
from tests.valkey import Valkey

FIXTURE = Path(__file__).parent / "fixtures/schema_1.jsonl"
VOTERS = [bytes([number]) * 16 for number in range(1, 9)]
A_DAY_MS = 24 * 60 * 60 * 1000


def raw(text: str | float) -> bytes:
    """Return the bytes of a fixture's text."""
    return str(text).encode("latin-1")


async def restore(client: Redis) -> None:
    """Write all keys of the fixture."""
    for line in FIXTURE.read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        key, value = raw(entry["key"]), entry["value"]
        match entry["type"]:
            case "string":
                await client.set(key, raw(value))
            case "hash":
                await client.hset(key, mapping={raw(field): raw(text) for field, text in value})
            case "zset":
                await client.zadd(key, {raw(member): score for member, score in value})
            case "list":
                await client.rpush(key, *map(raw, value))
            case "stream":
                for stream_id, fields in value:
                    await client.xadd(key, {raw(name): raw(text) for name, text in fields}, id=raw(stream_id))
            case unknown:
                raise AssertionError(unknown)
        if entry["expires"]:
            await client.pexpire(key, A_DAY_MS)


async def keys_in(client: Redis) -> set[str]:
    """Return the names of all keys."""
    return {key.decode("latin-1") async for key in client.scan_iter()}


@asynccontextmanager
async def client_of(valkey: Valkey) -> AsyncIterator[Redis]:
    """Open a plain client."""
    client = Redis.from_url(valkey.url)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
async def old_store(own_valkey: Valkey) -> Valkey:
    """Run a server with the data of the fixture."""
    async with client_of(own_valkey) as client:
        await restore(client)
    return own_valkey


@pytest.fixture
async def migrated(old_store: Valkey) -> AsyncIterator[Store]:
    """Open a store on the data of the fixture."""
    store = await open_store(old_store.url)
    yield store
    await store.close()


async def test_polls_after_migration_keep_kind_phase_and_totals(migrated: Store) -> None:
    expected: dict[str, tuple[Kind, Phase, dict[str, int], int]] = {
        "lunch": (Kind.SINGLE, Phase.OPEN, {"A": 2, "B": 1}, 3),
        "films": (Kind.MULTIPLE, Phase.OPEN, {"A": 1, "B": 1, "C": 1}, 2),
        "stars": (Kind.RATING, Phase.OPEN, {"D": 1, "E": 1}, 2),
        "ranked": (Kind.RANKED, Phase.OPEN, {"A": 2, "B": 1}, 3),
        "later": (Kind.SINGLE, Phase.SCHEDULED, {}, 0),
        "closed": (Kind.SINGLE, Phase.CLOSED, {"C": 1}, 1),
        "final": (Kind.PREDICTION, Phase.RESOLVED, {"A": 4, "B": 2}, 6),
        "semi": (Kind.PREDICTION, Phase.OPEN, {"A": 1, "B": 1}, 2),
    }
    for poll_id, (kind, phase, counts, voters) in expected.items():
        poll, tally = (await migrated.polls.get(poll_id)).poll, await tally_of_id(migrated, poll_id)
        assert (poll.kind, poll.phase(tally.now)) == (kind, phase), poll_id
        assert ({name: n for name, n in tally.counts.items() if n}, tally.voters) == (counts, voters), poll_id


async def tally_of_id(store: Store, poll_id: str) -> Any:
    """Return the totals of a poll."""
    return await tally_of(store, await store.polls.get(poll_id))


async def test_votes_after_migration_are_found_and_repeats_are_unchanged(migrated: Store) -> None:
    for poll_id, voter, code in (
        ("lunch", 0, "A"),
        ("films", 0, "AB"),
        ("ranked", 1, "BA"),
        ("semi", 1, "B"),
    ):
        record = await migrated.polls.get(poll_id)
        assert await cast(migrated, record, BallotInput(VOTERS[voter], code)) == ["unchanged"], poll_id
    lunch = await migrated.polls.get("lunch")
    assert await cast(migrated, lunch, BallotInput(VOTERS[6], "B")) == ["counted"]
    assert (await tally_of(migrated, lunch)).counts == {"A": 2, "B": 2}


async def test_index_after_migration_lists_every_poll(migrated: Store) -> None:
    records, _ = await migrated.polls.list()
    assert {record.poll.id for record in records} == {
        *("lunch", "films", "stars", "ranked", "later", "recount", "closed", "final", "semi", "scoring"),
    }


async def test_leaderboard_after_migration_keeps_scores_and_names(migrated: Store) -> None:
    rows, total = await migrated.series.rows("cup", after=0, limit=100)
    assert (len(rows), total) == (6, 6)
    scores = {row.voter: (row.score.right, row.score.forecasts) for row in rows}
    assert scores == {voter: (int("ABA"[place % 3] == "A"), 1) for place, voter in enumerate(VOTERS[:6])}
    assert {row.voter: row.name for row in rows}[VOTERS[0]] == "Ama"


async def test_interrupted_resolution_after_migration_is_completed(migrated: Store) -> None:
    after = await migrated.resolutions.resolve("scoring", ResolutionRequest("home"), by="ama")
    assert isinstance(after, PollRecord)
    rows, _ = await migrated.series.rows("cup", after=0, limit=100)
    assert {row.voter: (row.score.right, row.score.forecasts) for row in rows} == {
        voter: (int(place > 5 or "ABA"[place % 3] == "A") + int(place < 6), 1 + int(place < 6))
        for place, voter in enumerate(VOTERS)
    }


async def test_lifecycle_after_migration_continues(migrated: Store) -> None:
    """The last action is stored under a new name, and a repeat is still recognized by it."""
    again = await migrated.polls.act("closed", LifecycleAction.CLOSE)
    assert again.poll.version == 2
    reopened = await migrated.polls.act("closed", LifecycleAction.REOPEN)
    assert reopened.poll.version == 3


async def test_registries_after_migration_are_complete(migrated: Store) -> None:
    keys = await migrated.api_keys.read_fresh(0)
    assert json.loads(keys["desk00000001"])["name"] == "news desk"
    assert (await migrated.api_key_uses.all())["desk00000001"] > 0
    (issuer,) = (await migrated.issuers.read_fresh(0)).values()
    assert json.loads(issuer)["voters_key"] == (await migrated.voters_key()).hex()
    assert set(await migrated.webhooks.read_fresh(0)) == {"active000001", "silent000001"}


async def test_webhooks_after_migration_keep_state_and_queue(migrated: Store) -> None:
    queue = migrated.delivery_queue
    disabled = await queue.state("silent000001")
    assert disabled.disabled_at is not None
    assert (disabled.disabled_reason, disabled.dropped) == ("answered 500", 1)
    assert (await queue.state("active000001")).waiting == 2
    batch = (await queue.claim({"active000001": 9}, 60_000))["active000001"]
    assert [(claim.id, claim.kind) for claim in batch.claims] == [("e1", "poll.opened")]
    assert len(await queue.recent("silent000001")) == 1


async def test_limits_and_used_values_after_migration_still_count(migrated: Store) -> None:
    limiter = migrated.voter_rate_limiter
    limit = RateLimit(2, 40 * 365 * 24 * 60 * 60)
    assert not await limiter.use_once(b"challenge", 1000)
    first, second = await limiter.acquire_many(limit, 2 * [RateLimitRequest(b"network1")])
    assert first == 0
    assert second > 0


async def test_migration_leaves_no_old_name(migrated: Store) -> None:
    client = migrated.connection.client
    names = await keys_in(client)
    assert old_names(names) == set()
    lunch = await client.hgetall("pw:{p:lunch}:poll")
    assert {b"birth", b"acted", b"told"}.isdisjoint(lunch)
    assert await client.pttl("pw:{p:gone}:location") > 0
    assert await client.get(schema_key("pw")) == b"%d" % SCHEMA_VERSION
    assert await client.exists(migration_lease_key("pw")) == 0


async def test_migration_logs_one_line(old_store: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pollwire.store"):
        for _ in range(2):
            await (await open_store(old_store.url)).close()
    messages = [record.getMessage() for record in caplog.records]
    lines = [message for message in messages if message.startswith("Store data migrated")]
    (line,) = lines
    assert "namespace pw, schema version 2" in line


async def test_second_start_changes_nothing(old_store: Valkey) -> None:
    await (await open_store(old_store.url)).close()
    async with client_of(old_store) as client:
        await client.set("pw:dues", "written by a worker of the old version")
        before = await keys_in(client)
        await (await open_store(old_store.url)).close()
        assert await keys_in(client) == before


async def test_new_store_gets_the_marker_at_once(own_valkey: Valkey) -> None:
    await (await open_store(own_valkey.url)).close()
    async with client_of(own_valkey) as client:
        assert await keys_in(client) == {"pw:schema"}


async def test_migration_cut_off_at_any_step_is_completed_by_the_next_start(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwire_server.store.migration.PAGE_SIZE", 10)
    library, steps = FunctionLibrary(), 1
    while await cut_off_after(own_valkey, library, steps):
        steps += 3
        async with client_of(own_valkey) as client:
            await client.delete(migration_lease_key("pw"))
        store = await open_store(own_valkey.url)
        assert (await tally_of_id(store, "lunch")).counts == {"A": 2, "B": 1}
        assert (await store.delivery_queue.state("silent000001")).disabled_reason == "answered 500"
        assert len((await store.series.rows("cup", after=0, limit=9))[0]) == 6
        assert old_names(await keys_in(store.connection.client)) == set()
        await store.close()
    assert steps > 10


def old_names(names: set[str]) -> set[str]:
    """Return the keys that a migration would rename."""
    steps = (plan("pw", name) for name in names)
    return {step.old for step in steps if step is not None and step.old != step.new}


async def cut_off_after(valkey: Valkey, library: FunctionLibrary, steps: int) -> bool:
    """Restore the fixture and stop its migration after so many commands. Return False if it was completed."""
    async with client_of(valkey) as client:
        await client.flushall()
        await restore(client)
    servers = servers_from_url(valkey.url)
    await library.load(servers.on_all_masters)
    command, sent = servers.command, 0

    async def command_until_cut_off(*words: bytes | str | int) -> Any:
        nonlocal sent
        sent += 1
        if sent > steps:
            raise RedisConnectionError("cut off")
        return await command(*words)

    servers.command = command_until_cut_off  # type: ignore[method-assign]  # a failure at a chosen step
    try:
        await Migration(servers, library, "pw").run()
    except RedisConnectionError:
        return True
    finally:
        await servers.aclose()
    return False


async def test_workers_that_start_at_once_migrate_once(old_store: Valkey) -> None:
    stores = await asyncio.gather(*(open_store(old_store.url) for _ in range(4)))
    for store in stores:
        await store.connection.wait_up()
        assert (await tally_of_id(store, "lunch")).counts == {"A": 2, "B": 1}
        await store.close()


async def test_data_of_a_newer_release_is_refused(own_valkey: Valkey) -> None:
    async with client_of(own_valkey) as client:
        await client.set(schema_key("pw"), SCHEMA_VERSION + 1)
    with pytest.raises(UnsupportedStore, match="install the newer release"):
        await open_store(own_valkey.url)
