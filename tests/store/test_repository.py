"""Repository of polls."""

from __future__ import annotations

import asyncio
import secrets

import msgspec
import pytest
from pollwire_server.domain.errors import InvalidPoll, PollExists, PollNotFound, VersionMismatch
from pollwire_server.domain.poll import Choices, Identity, Kind, Option, Poll, ResultsMode, Revote
from pollwire_server.domain.window import LifecycleAction, Phase
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import OUTBOX
from pollwire_server.store.polls.cache import MAX_CACHED_POLLS, PollCache
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import FAR_OFF, LONG_AGO, a_poll, a_voter
from tests.store.ballot_helpers import cast, made, set_tally, tally_of
from tests.valkey import Valkey

FULL = Poll(
    id="everything",
    kind=Kind.MULTIPLE,
    question="Où? «Là»",
    description="Two lines\nof text",
    options=(Option("a", "Ä", "A", "/a.png"), Option("b", "B", "B")),
    choices=Choices(1, 2),
    opens_at=LONG_AGO,
    closes_at=FAR_OFF,
    visible_at=LONG_AGO + 5,
    revote=Revote.WITHDRAW,
    identity=Identity.DEVICE,
    results=ResultsMode.AFTER_CLOSE,
    origins=("https://example.org",),
    shuffle=True,
    lang="fr",
    created_at=LONG_AGO,
)


async def test_stored_poll_round_trips_all_fields(store: Store, valkey: Valkey) -> None:
    record, created = await store.polls.create(FULL, "digest")
    assert created
    other = await open_store(valkey.url, namespace=store.connection.namespace)
    read = await other.polls.get("everything")
    await other.close()
    assert record.poll == read.poll == FULL
    assert record.voter_key == read.voter_key
    assert len(record.voter_key) == 32
    assert not read.voted


async def test_repeated_creation_returns_existing_poll(store: Store) -> None:
    record = await made(store)
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    again, created = await store.polls.create(record.poll, "digest")
    assert not created
    assert again.poll.version == 2
    assert again.voter_key == record.voter_key


async def test_creation_with_used_id_raises_poll_exists(store: Store) -> None:
    record = await made(store)
    with pytest.raises(PollExists):
        await store.polls.create(record.poll, "another digest")
    assert (await store.polls.get(record.poll.id)).poll == record.poll


async def test_concurrent_creations_create_poll_once(store: Store) -> None:
    poll = a_poll()
    answers = await asyncio.gather(*(store.polls.create(poll, "digest") for _ in range(20)))
    assert sum(created for _, created in answers) == 1
    assert {record.voter_key for record, _ in answers} == {answers[0][0].voter_key}


async def test_missing_poll_raises_not_found(store: Store) -> None:
    with pytest.raises(PollNotFound):
        await store.polls.get("nowhere")
    with pytest.raises(PollNotFound):
        await store.polls.delete("nowhere")
    assert store.polls.cached("nowhere") is None


async def test_edit_creates_next_version(store: Store) -> None:
    record = await made(store, closes_at=FAR_OFF)
    wanted = msgspec.structs.replace(record.poll, question="Which?", closes_at=None, version=2)
    after = await store.polls.edit(record, wanted, assumes_unvoted=True)
    assert after.poll == wanted
    assert (await store.polls.get(record.poll.id)).poll == wanted
    assert await cast(store, after, BallotInput(a_voter(), "A")) == [BallotStatus.COUNTED]


async def test_edit_of_stale_version_is_rejected(store: Store) -> None:
    record = await made(store)
    await store.polls.edit(record, record.poll, assumes_unvoted=True)
    with pytest.raises(VersionMismatch) as mismatch:
        await store.polls.edit(record, record.poll, assumes_unvoted=True)
    assert mismatch.value.version == 2


async def test_unvoted_edit_is_rejected_after_first_vote(store: Store) -> None:
    record, voter = await made(store, revote=Revote.WITHDRAW), a_voter()
    await cast(store, record, BallotInput(voter, "A"))
    await store.ballots.withdraw(record, voter)
    with pytest.raises(VersionMismatch):
        await store.polls.edit(record, record.poll, assumes_unvoted=True)
    assert (await store.polls.edit(record, record.poll, assumes_unvoted=False)).voted


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"closes_at": LONG_AGO + 1}, {"closes_at": FAR_OFF}),
        ({"closes_at": FAR_OFF}, {"closes_at": LONG_AGO + 1}),
        ({}, {"opens_at": LONG_AGO - 1}),
    ],
    ids=["over already", "to a past end", "opened already"],
)
async def test_edit_of_passed_window_is_rejected(
    store: Store, before: dict[str, int], change: dict[str, int]
) -> None:
    record = await made(store, **before)
    with pytest.raises(VersionMismatch):
        await store.polls.edit(record, msgspec.structs.replace(record.poll, **change), assumes_unvoted=True)
    assert (await store.polls.get(record.poll.id)).poll.opens_at == record.poll.opens_at


async def test_text_of_closed_poll_can_be_edited(store: Store) -> None:
    record = await made(store, closes_at=LONG_AGO + 1)
    wanted = msgspec.structs.replace(record.poll, question="Corrected?")
    assert (await store.polls.edit(record, wanted, assumes_unvoted=True)).poll.question == "Corrected?"


async def test_deletion_leaves_only_pending_events(store: Store) -> None:
    record = await made(store)
    await cast(store, record, *(BallotInput(a_voter(), "A") for _ in range(50)))
    await store.polls.delete(record.poll.id)
    outbox = record.keys[OUTBOX]
    assert await store.connection.client.exists(*(key for key in record.keys if key != outbox)) == 0
    assert await store.connection.client.pttl(outbox) > 0
    assert await store.polls.list() == ([], None)


async def test_new_poll_with_used_id_starts_later_epoch(store: Store) -> None:
    record = await made(store)
    before = f"{FAR_OFF:012x}"
    await set_tally(store, record, "epoch", before)
    await tally_of(store, record)
    await store.polls.delete(record.poll.id)
    recreated, _ = await store.polls.create(record.poll, "digest")
    written = await store.connection.client.hget(recreated.keys[1], "epoch")
    assert written.decode() > before  # at once, not by the first read
    assert recreated.voter_key != record.voter_key


async def test_hundred_concurrent_reads_cost_at_most_two(store: Store) -> None:
    record = await made(store)
    stats = store.connection.client.info
    before = (await stats("commandstats"))["cmdstat_fcall"]["calls"]
    records = await asyncio.gather(*(store.polls.get(record.poll.id) for _ in range(100)))
    after = (await stats("commandstats"))["cmdstat_fcall"]["calls"]
    assert {found.poll.version for found in records} == {1}
    assert after - before <= 2


async def test_read_starts_after_its_call(store: Store) -> None:
    record = await made(store)
    early = asyncio.create_task(store.polls.get(record.poll.id))
    while not store.polls._reads.are_running:  # noqa: ASYNC110  # one turn at a time: the read takes few
        await asyncio.sleep(0)
    await store.polls.edit(record, record.poll, assumes_unvoted=True)
    late = asyncio.create_task(store.polls.get(record.poll.id))
    assert (await late).poll.version == 2
    await early


async def test_callers_during_read_share_next_read(own_valkey: Valkey) -> None:
    store = await open_store(own_valkey.url)
    record = await made(store)
    await store.connection.client.config_resetstat()
    with own_valkey.paused():
        tasks = []
        for _ in range(20):
            tasks.append(asyncio.create_task(store.polls.get(record.poll.id)))
            for _ in range(5):
                await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    calls = (await store.connection.client.info("commandstats"))["cmdstat_fcall"]["calls"]
    await store.close()
    assert calls == 2


async def test_cancelled_reader_does_not_affect_others(store: Store) -> None:
    record = await made(store)
    leaver = asyncio.create_task(store.polls.get(record.poll.id))
    stayer = asyncio.create_task(store.polls.get(record.poll.id))
    await asyncio.sleep(0)
    leaver.cancel()
    assert (await stayer).poll == record.poll


async def test_poll_cache_stays_within_bound() -> None:
    cache = PollCache("ns")
    for number in range(MAX_CACHED_POLLS + 10):
        cache._store(str(number), None)  # type: ignore[arg-type]  # the content does not matter
    assert len(cache._records) == MAX_CACHED_POLLS
    assert "0" not in cache._records


async def listed(store: Store, **filters: object) -> list[str]:
    """Return the ids of all pages of a list."""
    ids, cursor = list[str](), None
    while True:
        page, cursor = await store.polls.list(cursor=cursor, **filters)  # type: ignore[arg-type]  # as given
        ids += [record.poll.id for record in page]
        if cursor is None:
            return ids


async def test_list_pages_return_every_poll_once_newest_first(store: Store) -> None:
    stem = secrets.token_hex(3)
    for number in range(25):
        await made(store, id=f"{stem}-{number:02}", created_at=LONG_AGO + number // 10)
    everything = [f"{stem}-{number:02}" for number in reversed(range(25))]
    for limit in (1, 7, 25, 100):
        assert await listed(store, limit=limit) == everything


async def test_list_cursor_survives_creation_and_deletion(store: Store) -> None:
    for number in range(6):
        await made(store, id=f"p{number}", created_at=LONG_AGO + number)
    page, cursor = await store.polls.list(limit=2)
    assert [record.poll.id for record in page] == ["p5", "p4"]
    await store.polls.delete("p4")
    await made(store, id="p9", created_at=LONG_AGO + 9)
    page, _ = await store.polls.list(limit=2, cursor=cursor)
    assert [record.poll.id for record in page] == ["p3", "p2"]


async def test_list_filters_by_phase_kind_text_and_visibility(store: Store) -> None:
    await made(store, id="later", opens_at=FAR_OFF, visible_at=FAR_OFF)
    await made(store, id="several", kind=Kind.MULTIPLE, question="Which FRUITS do you like?")
    await made(store, id="over", closes_at=LONG_AGO + 1)
    assert await listed(store, phase=Phase.SCHEDULED) == ["later"]
    assert await listed(store, phase=Phase.CLOSED) == ["over"]
    assert await listed(store, kind=Kind.MULTIPLE) == ["several"]
    assert await listed(store, q="fruits") == await listed(store, q="sever") == ["several"]
    assert sorted(await listed(store, visible_only=True)) == ["over", "several"]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.", "-1.a", "٣.a", "9" * 17 + ".a", "nan.a"])
async def test_malformed_list_cursor_is_rejected(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidPoll) as refused:
        await store.polls.list(cursor=cursor)
    assert refused.value.field == "cursor"


async def test_list_skips_entries_without_poll(store: Store) -> None:
    record = await made(store)
    await store.connection.client.unlink(*record.keys)
    assert await store.polls.list() == ([], None)
