"""Tests of the vote batcher: batching, exactly one result for each vote, and deadlines.

The store is real. A ``Gate`` in front of it records the calls and can delay them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from pollwire_server.domain.errors import Overloaded, PollNotFound, PollwireError, StoreUnavailable
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, Ballots, BallotStatus, CastReply
from pollwire_server.voting import vote_batcher
from pollwire_server.voting.vote_batcher import VoteBatcher

from tests.factories import a_poll, a_voter
from tests.wait import until

Result = tuple[CastReply | PollwireError, BallotOutcome | None]


class Gate:
    """Store that records the batch sizes of each call, and forwards it while the gate is open."""

    def __init__(self, ballots: Ballots) -> None:
        self._ballots = ballots
        self.calls: list[list[int]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.failure: Exception | None = None

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """Forward the call to ``Ballots.cast_many`` once the gate is open."""
        self.calls.append([len(casts) for _, casts in batches])
        await self.is_open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._ballots.cast_many(batches)


class Votes:
    """Votes submitted to a batcher, and their results in order of arrival."""

    def __init__(self, batcher: VoteBatcher) -> None:
        self._batcher = batcher
        self.results: list[Result] = []

    def cast(self, record: PollRecord, count: int = 1, voter: bytes | None = None, code: str = "A") -> None:
        """Submit ``count`` votes."""
        for _ in range(count):
            self._batcher.submit(
                record,
                BallotInput(voter or a_voter(), code, None),
                lambda *result: self.results.append(result),
            )

    def has(self, count: int) -> bool:
        """Return True if ``count`` votes have their result."""
        return len(self.results) == count

    @property
    def statuses(self) -> list[BallotStatus | None]:
        """Status of each result, None for errors."""
        return [None if outcome is None else outcome.status for _, outcome in self.results]

    @property
    def errors(self) -> list[type]:
        """Type of each reply."""
        return [type(reply) for reply, _ in self.results]


async def stored(store: Store, count: int = 1) -> list[PollRecord]:
    """Store polls and return their records."""
    polls = [a_poll() for _ in range(count)]
    return [(await store.polls.create(poll, poll.id))[0] for poll in polls]


@pytest.fixture
def gate(store: Store) -> Gate:
    """Open gate in front of the real store."""
    return Gate(store.ballots)


@pytest.fixture
def votes(gate: Gate) -> Votes:
    """Votes of a batcher that uses the gate."""
    return Votes(VoteBatcher(gate))


async def test_submit_concurrent_votes_share_one_call(store: Store, gate: Gate, votes: Votes) -> None:
    first, second = await stored(store, 2)
    votes.cast(first, 30)
    votes.cast(second, 20)
    await until(lambda: len(votes.results) == 50)
    assert gate.calls == [[30, 20]]
    assert votes.statuses == [BallotStatus.COUNTED] * 50


async def test_submit_single_vote_is_sent_at_once(store: Store, gate: Gate, votes: Votes) -> None:
    (record,) = await stored(store)
    for count in (1, 2, 3):
        votes.cast(record)
        await until(partial(votes.has, count))
    assert gate.calls == [[1], [1], [1]]


async def test_submit_during_a_call_collects_the_next_batch(store: Store, gate: Gate, votes: Votes) -> None:
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    for size in (5, 10, 15):
        votes.cast(record, size)
        await asyncio.sleep(0)
    assert gate.calls == [[1]]
    gate.is_open.set()
    await until(lambda: len(votes.results) == 31)
    assert gate.calls == [[1], [30]]
    assert [outcome.seq for _, outcome in votes.results if outcome] == list(range(1, 32))


async def test_submit_many_votes_for_one_poll_splits_the_batch(
    store: Store, gate: Gate, votes: Votes
) -> None:
    (record,) = await stored(store)
    voter = a_voter()
    votes.cast(record, vote_batcher.MAX_PER_CAST, voter=voter)
    votes.cast(record, 7, voter=voter)
    await until(lambda: len(votes.results) == vote_batcher.MAX_PER_CAST + 7)
    assert gate.calls == [[vote_batcher.MAX_PER_CAST, 7]]
    assert votes.statuses == [BallotStatus.COUNTED] + [BallotStatus.UNCHANGED] * (
        vote_batcher.MAX_PER_CAST + 6
    )


async def test_submit_votes_of_one_batch_get_their_own_outcomes(store: Store, votes: Votes) -> None:
    (record,) = await stored(store)
    voter = a_voter()
    votes.cast(record, voter=voter, code="A")
    votes.cast(record, voter=voter, code="B")
    votes.cast(record)
    votes.cast(record, voter=voter, code="A")
    await until(lambda: len(votes.results) == 4)
    assert votes.statuses == [
        BallotStatus.COUNTED,
        BallotStatus.ALREADY_VOTED,
        BallotStatus.COUNTED,
        BallotStatus.UNCHANGED,
    ]


async def test_submit_error_of_one_poll_does_not_affect_other_polls(store: Store, votes: Votes) -> None:
    gone, edited, fine = await stored(store, 3)
    await store.polls.delete(gone.poll.id)
    await store.polls.act(edited.poll.id, LifecycleAction.CLOSE)
    for record in (gone, edited, fine):
        votes.cast(record)
    await until(lambda: len(votes.results) == 3)
    replies = [reply for reply, _ in votes.results]
    assert isinstance(replies[0], PollNotFound)
    assert isinstance(replies[1], CastReply)
    assert replies[1].outcomes is None
    assert votes.statuses == [None, None, BallotStatus.COUNTED]


async def test_submit_failed_call_rejects_pending_votes(store: Store, gate: Gate, votes: Votes) -> None:
    """They were never sent. Waiting for the same store would only delay them."""
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record, 4)
    gate.failure = StoreUnavailable()
    gate.is_open.set()
    await until(lambda: len(votes.results) == 5, within_s=vote_batcher.DEADLINE_S / 2)
    assert votes.errors == [StoreUnavailable] * 5
    assert gate.calls == [[1]]
    gate.failure = None
    votes.cast(record)
    await until(lambda: len(votes.results) == 6)
    assert votes.statuses[-1] is BallotStatus.COUNTED


async def test_submit_after_deadline_rejects_votes_in_flight_and_pending(
    store: Store, gate: Gate, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The late reply of the hanging call is ignored."""
    monkeypatch.setattr(vote_batcher, "DEADLINE_S", 0.05)
    (record,) = await stored(store)
    gate.is_open.clear()
    voter = a_voter()
    votes.cast(record, voter=voter)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record)
    await until(lambda: len(votes.results) == 2, within_s=0.5)
    assert votes.errors == [StoreUnavailable] * 2
    monkeypatch.undo()
    gate.is_open.set()
    votes.cast(record, voter=voter)
    await until(lambda: len(votes.results) == 3)
    assert gate.calls == [[1], [1]], "a pending vote that expired is never sent"
    assert votes.statuses == [None, None, BallotStatus.UNCHANGED], "and the vote that was sent counted once"


async def test_submit_full_queue_raises_overloaded(
    store: Store, gate: Gate, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_batcher, "MAX_QUEUED", 3)
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record, 3)
    with pytest.raises(Overloaded):
        votes.cast(record)
    gate.is_open.set()
    await until(lambda: len(votes.results) == 4)
    assert votes.statuses == [BallotStatus.COUNTED] * 4


async def test_submit_failing_callback_does_not_affect_other_votes(
    store: Store, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = await stored(store)
    batcher = VoteBatcher(gate)
    votes = Votes(batcher)

    def broken(*_: object) -> None:
        raise RuntimeError("callback failed")

    batcher.submit(record, BallotInput(a_voter(), "A", None), broken)
    votes.cast(record)
    await until(lambda: len(votes.results) == 1)
    assert votes.statuses == [BallotStatus.COUNTED]
    assert "Response to a vote failed" in caplog.text


async def test_submit_unexpected_error_rejects_the_batch_and_is_logged(
    store: Store, gate: Gate, votes: Votes, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = await stored(store)
    gate.failure = RuntimeError("unforeseen")
    votes.cast(record)
    await until(lambda: len(votes.results) == 1)
    assert votes.errors == [Overloaded]
    assert "unforeseen" in caplog.text
    gate.failure = None
    votes.cast(record)
    await until(lambda: len(votes.results) == 2)
    assert votes.statuses[-1] is BallotStatus.COUNTED
