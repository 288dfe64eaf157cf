"""Ranked polls: stored rankings and their count."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import msgspec
import pytest
from pollwire_server.domain.errors import PollNotFound
from pollwire_server.domain.instant_runoff import count_instant_runoff
from pollwire_server.domain.poll import Kind, Revote
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.keys import RANKINGS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.results import ranked as rankings
from pollwire_server.store.votes.ballots import BallotInput, BallotStatus

from tests.factories import a_voter, options
from tests.store.ballot_helpers import cast, made, tally_of


async def ranked(store: Store, count: int = 3, revote: Revote = Revote.WITHDRAW) -> PollRecord:
    """Create a ranked poll with options coded A, B, ..."""
    ids = [f"option-{number}" for number in range(count)]
    return await made(store, kind=Kind.RANKED, options=options(*ids), revote=revote)


async def profile_of(store: Store, record: PollRecord) -> dict[str, int]:
    """Return the stored rankings."""
    stored = await store.connection.client.hgetall(record.keys[RANKINGS])
    return {ranking.decode(): int(number) for ranking, number in stored.items()}


async def test_ranking_counts_first_preference_and_ranking(store: Store) -> None:
    record = await ranked(store)
    await cast(store, record, *(BallotInput(a_voter(), code) for code in ("BAC", "BAC", "B", "CA")))
    tally = await tally_of(store, record)
    assert (tally.voters, tally.counts) == (4, {"B": 3, "C": 1})
    assert await profile_of(store, record) == {"BAC": 2, "B": 1, "CA": 1}


async def test_changed_ranking_replaces_old_ranking(store: Store) -> None:
    record, voter = await ranked(store), a_voter()
    assert await cast(
        store, record, BallotInput(voter, "AB"), BallotInput(voter, "AC"), BallotInput(voter, "AC")
    ) == [
        BallotStatus.COUNTED,
        BallotStatus.CHANGED,
        BallotStatus.UNCHANGED,
    ]
    assert (await tally_of(store, record)).counts == {"A": 1}
    await cast(store, record, BallotInput(voter, "CA"))
    assert await profile_of(store, record) == {"CA": 1}
    await store.ballots.withdraw(record, voter)
    assert await profile_of(store, record) == {}
    assert (await tally_of(store, record)).voters == 0


async def test_runoff_matches_stored_rankings(store: Store) -> None:
    record = await ranked(store)
    await cast(store, record, *(BallotInput(a_voter(), code) for code in ("AB", "AB", "B", "B", "CB")))
    counted = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert counted.outcome == count_instant_runoff(record.poll, {"AB": 2, "B": 2, "CB": 1})
    assert counted.outcome.winner == "option-1"
    assert counted.reading.tally.seq == 5


async def test_runoff_is_recomputed_after_vote_or_edit(store: Store) -> None:
    record = await ranked(store, 2)
    await cast(store, record, BallotInput(a_voter(), "A"), BallotInput(a_voter(), "B"))
    first = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert first.outcome is not None
    assert first.outcome.tie_broken
    turned = msgspec.structs.replace(record.poll, options=record.poll.options[::-1], version=2)
    record = await store.polls.edit(record, turned, assumes_unvoted=False)
    second = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert second.outcome is not None
    assert second.outcome.winner == first.outcome.winner
    assert list(second.outcome.rounds[0].counts) == list(reversed(first.outcome.rounds[0].counts))
    await cast(store, record, BallotInput(a_voter(), "A"))
    third = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert third.outcome is not None
    assert third.outcome.winner == "option-0"
    assert not third.outcome.tie_broken


async def test_concurrent_runoff_requests_share_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record = await ranked(store)
    await cast(store, record, BallotInput(a_voter(), "AB"))
    counts = []

    def counting(*args: object) -> object:
        counts.append(args)
        return count_instant_runoff(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rankings, "count_instant_runoff", counting)
    reading = await store.results.read(record.poll.id)
    answers = await asyncio.gather(*(store.ranked_results.with_runoff(reading) for _ in range(50)))
    answers.append(await store.ranked_results.with_runoff(reading))
    assert len(counts) == 1
    assert len({answer.outcome.winner for answer in answers if answer.outcome}) == 1


async def test_rankings_of_several_pages_are_counted_once(store: Store) -> None:
    record = await ranked(store, 8)
    codes = ["".join(code) for code in itertools.permutations("ABCDEFGH", 6)]
    assert len(codes) > 3 * 5000
    await cast(store, record, *(BallotInput(a_voter(), code) for code in codes))
    counted = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert counted.outcome == count_instant_runoff(record.poll, dict.fromkeys(codes, 1))


async def test_votes_between_pages_do_not_mix_moments(store: Store) -> None:
    record = await ranked(store, 8)
    codes = ["".join(code) for code in itertools.permutations("ABCDEFGH", 5)]
    await cast(store, record, *(BallotInput(a_voter(), code) for code in codes))
    stop = asyncio.Event()

    async def keep_voting() -> None:
        while not stop.is_set():
            await cast(store, record, BallotInput(a_voter(), random.choice(codes)))

    voting = asyncio.create_task(keep_voting())
    for _ in range(5):
        counted = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
        if counted.outcome is not None:
            assert sum(counted.outcome.rounds[0].counts.values()) == counted.reading.tally.voters
    stop.set()
    await voting
    final = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert final.outcome is not None
    assert sum(final.outcome.rounds[0].counts.values()) == final.reading.tally.voters


async def test_million_voters_are_counted_within_five_seconds(store: Store) -> None:
    record = await ranked(store, 8)
    codes = ["".join(code) for size in (7, 8) for code in itertools.permutations("ABCDEFGH", size)]
    codes += ["".join(code) for code in itertools.permutations("ABCDEFGH", 6)]
    profile = dict.fromkeys(codes, 10)
    for start in range(0, len(codes), 10_000):
        part = {code: profile[code] for code in codes[start : start + 10_000]}
        await store.connection.client.hset(record.keys[RANKINGS], mapping=part)
    await store.connection.client.hset(record.keys[1], mapping={"seq": 1, "voters": sum(profile.values())})
    reading = await store.results.read(record.poll.id)
    since = time.perf_counter()
    counted = await store.ranked_results.with_runoff(reading)
    assert time.perf_counter() - since < 5
    assert counted.outcome == count_instant_runoff(record.poll, profile)


async def test_runoff_of_deleted_poll_raises_not_found(store: Store) -> None:
    record = await ranked(store)
    await cast(store, record, BallotInput(a_voter(), "AB"))
    reading = await store.results.read(record.poll.id)
    await store.polls.delete(record.poll.id)
    with pytest.raises(PollNotFound):
        await store.ranked_results.with_runoff(reading)
    await store.polls.create(record.poll, "digest")
    assert await profile_of(store, record) == {}


async def test_poll_edited_to_other_kind_has_no_runoff(store: Store) -> None:
    record = await ranked(store)
    reading = await store.results.read(record.poll.id)
    await store.polls.edit(
        record, msgspec.structs.replace(record.poll, kind=Kind.SINGLE, version=2), assumes_unvoted=True
    )
    assert (await store.ranked_results.with_runoff(reading)).outcome is None


async def test_archive_keeps_rankings_and_reset_deletes_them(store: Store) -> None:
    record = await ranked(store)
    await cast(store, record, BallotInput(a_voter(), "BA"), BallotInput(a_voter(), "A"))
    await store.polls.act(record.poll.id, LifecycleAction.CLOSE)
    await store.polls.act(record.poll.id, LifecycleAction.ARCHIVE)
    unchanged = await store.ranked_results.with_runoff(await store.results.read(record.poll.id))
    assert unchanged.outcome == count_instant_runoff(record.poll, {"BA": 1, "A": 1})
    other = await ranked(store)
    await cast(store, other, BallotInput(a_voter(), "BA"))
    await store.polls.act(other.poll.id, LifecycleAction.RESET)
    assert await profile_of(store, other) == {}
