"""Votes of one instant become one call, each is answered once, and none waits for ever.

The store is the real one; a ``Gate`` before it shows and holds what goes there.
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
from pollwire_server.voting import vote_batcher as recording
from pollwire_server.voting.vote_batcher import VoteBatcher

from tests.factories import a_poll, a_voter
from tests.wait import until

Answer = tuple[CastReply | PollwireError, BallotOutcome | None]


class Gate:
    """The way to the store: notes the sizes of every call, and lets it pass when it is open."""

    def __init__(self, ballots: Ballots) -> None:
        self._ballots = ballots
        self.calls: list[list[int]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.failure: Exception | None = None

    async def cast_many(
        self, batches: Sequence[tuple[PollRecord, Sequence[BallotInput]]]
    ) -> list[CastReply | PollwireError]:
        """As ``Ballots.cast_many``, once the gate is open."""
        self.calls.append([len(casts) for _, casts in batches])
        await self.is_open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._ballots.cast_many(batches)


class Votes:
    """Votes handed to a recorder, and what came back, in order of coming back."""

    def __init__(self, recorder: VoteBatcher) -> None:
        self._recorder = recorder
        self.answers: list[Answer] = []

    def cast(self, record: PollRecord, count: int = 1, voter: bytes | None = None, code: str = "A") -> None:
        """Hands over ``count`` votes."""
        for _ in range(count):
            self._recorder.submit(
                record,
                BallotInput(voter or a_voter(), code, None),
                lambda *answer: self.answers.append(answer),
            )

    def has(self, count: int) -> bool:
        """Whether so many were answered."""
        return len(self.answers) == count

    @property
    def statuses(self) -> list[BallotStatus | None]:
        """What became of each."""
        return [None if outcome is None else outcome.status for _, outcome in self.answers]

    @property
    def errors(self) -> list[type]:
        """The kind of each reply."""
        return [type(reply) for reply, _ in self.answers]


async def stored(store: Store, count: int = 1) -> list[PollRecord]:
    """Polls as they are kept."""
    polls = [a_poll() for _ in range(count)]
    return [(await store.polls.create(poll, poll.id))[0] for poll in polls]


@pytest.fixture
def gate(store: Store) -> Gate:
    """An open gate before the real store."""
    return Gate(store.ballots)


@pytest.fixture
def votes(gate: Gate) -> Votes:
    """A recorder behind the gate."""
    return Votes(VoteBatcher(gate))


async def test_votes_of_one_instant_share_one_call(store: Store, gate: Gate, votes: Votes) -> None:
    """Fifty votes for two polls in one turn of the loop are one round trip, with one batch a poll."""
    first, second = await stored(store, 2)
    votes.cast(first, 30)
    votes.cast(second, 20)
    await until(lambda: len(votes.answers) == 50)
    assert gate.calls == [[30, 20]]
    assert votes.statuses == [BallotStatus.COUNTED] * 50


async def test_a_lone_vote_waits_for_nobody(store: Store, gate: Gate, votes: Votes) -> None:
    """With nothing under way it goes out alone, at once."""
    (record,) = await stored(store)
    for answered in (1, 2, 3):
        votes.cast(record)
        await until(partial(votes.has, answered))
    assert gate.calls == [[1], [1], [1]]


async def test_one_call_is_under_way_and_one_gathers(store: Store, gate: Gate, votes: Votes) -> None:
    """Whatever comes while a call is under way goes together in the next, in order."""
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    for size in (5, 10, 15):
        votes.cast(record, size)
        await asyncio.sleep(0)
    assert gate.calls == [[1]]
    gate.is_open.set()
    await until(lambda: len(votes.answers) == 31)
    assert gate.calls == [[1], [30]]
    assert [outcome.seq for _, outcome in votes.answers if outcome] == list(range(1, 32))


async def test_a_very_hot_poll_is_taken_in_parts(store: Store, gate: Gate, votes: Votes) -> None:
    """No step of the store takes more than ``MAX_PER_CAST`` ballots; the parts keep the order."""
    (record,) = await stored(store)
    voter = a_voter()
    votes.cast(record, recording.MAX_PER_CAST, voter=voter)
    votes.cast(record, 7, voter=voter)
    await until(lambda: len(votes.answers) == recording.MAX_PER_CAST + 7)
    assert gate.calls == [[recording.MAX_PER_CAST, 7]]
    assert votes.statuses == [BallotStatus.COUNTED] + [BallotStatus.UNCHANGED] * (recording.MAX_PER_CAST + 6)


async def test_every_vote_gets_its_own_answer(store: Store, votes: Votes) -> None:
    """In one batch a new voter, a repeat, and a change that is not allowed are each told what they are."""
    (record,) = await stored(store)
    voter = a_voter()
    votes.cast(record, voter=voter, code="A")
    votes.cast(record, voter=voter, code="B")
    votes.cast(record)
    votes.cast(record, voter=voter, code="A")
    await until(lambda: len(votes.answers) == 4)
    assert votes.statuses == [
        BallotStatus.COUNTED,
        BallotStatus.ALREADY_VOTED,
        BallotStatus.COUNTED,
        BallotStatus.UNCHANGED,
    ]


async def test_one_poll_s_trouble_is_no_other_s(store: Store, votes: Votes) -> None:
    """In one call a deleted poll's vote and one judged by an old version do not count, and a third's does."""
    gone, edited, fine = await stored(store, 3)
    await store.polls.delete(gone.poll.id)
    await store.polls.act(edited.poll.id, LifecycleAction.CLOSE)
    for record in (gone, edited, fine):
        votes.cast(record)
    await until(lambda: len(votes.answers) == 3)
    replies = [reply for reply, _ in votes.answers]
    assert isinstance(replies[0], PollNotFound)
    assert isinstance(replies[1], CastReply)
    assert replies[1].outcomes is None
    assert votes.statuses == [None, None, BallotStatus.COUNTED]


async def test_votes_behind_a_failing_call_fail_with_it(store: Store, gate: Gate, votes: Votes) -> None:
    """They were not sent and need not wait for the same store; the next vote tries it anew."""
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record, 4)
    gate.failure = StoreUnavailable()
    gate.is_open.set()
    await until(lambda: len(votes.answers) == 5, within_s=recording.DEADLINE_S / 2)
    assert votes.errors == [StoreUnavailable] * 5
    assert gate.calls == [[1]]
    gate.failure = None
    votes.cast(record)
    await until(lambda: len(votes.answers) == 6)
    assert votes.statuses[-1] is BallotStatus.COUNTED


async def test_nobody_waits_past_the_deadline(
    store: Store, gate: Gate, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that hangs is answered for, so is what gathered behind it; its late reply changes no answer."""
    monkeypatch.setattr(recording, "DEADLINE_S", 0.05)
    (record,) = await stored(store)
    gate.is_open.clear()
    voter = a_voter()
    votes.cast(record, voter=voter)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record)
    await until(lambda: len(votes.answers) == 2, within_s=0.5)
    assert votes.errors == [StoreUnavailable] * 2
    gate.is_open.set()
    votes.cast(record, voter=voter)
    await until(lambda: len(votes.answers) == 3)
    assert gate.calls == [[1], [1]], "what expired while it gathered is never sent"
    assert votes.statuses == [None, None, BallotStatus.UNCHANGED], "and what was sent counted, once"


async def test_beyond_the_bound_the_next_vote_is_refused(
    store: Store, gate: Gate, votes: Votes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: the vote too many is refused at once, those taken are answered."""
    monkeypatch.setattr(recording, "MAX_QUEUED", 3)
    (record,) = await stored(store)
    gate.is_open.clear()
    votes.cast(record)
    await until(lambda: gate.calls == [[1]])
    votes.cast(record, 3)
    with pytest.raises(Overloaded):
        votes.cast(record)
    gate.is_open.set()
    await until(lambda: len(votes.answers) == 4)
    assert votes.statuses == [BallotStatus.COUNTED] * 4


async def test_one_answer_that_cannot_be_given_costs_no_other(
    store: Store, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that raises is logged, and those after it are called."""
    (record,) = await stored(store)
    recorder = VoteBatcher(gate)
    votes = Votes(recorder)

    def broken(*_: object) -> None:
        raise RuntimeError("the answer cannot be given")

    recorder.submit(record, BallotInput(a_voter(), "A", None), broken)
    votes.cast(record)
    await until(lambda: len(votes.answers) == 1)
    assert votes.statuses == [BallotStatus.COUNTED]
    assert "Response to a vote failed" in caplog.text


async def test_a_failure_nobody_foresaw_is_told_and_logged(
    store: Store, gate: Gate, votes: Votes, caplog: pytest.LogCaptureFixture
) -> None:
    """Voters are told to come back, the log has the trace, and the next vote goes through."""
    (record,) = await stored(store)
    gate.failure = RuntimeError("unforeseen")
    votes.cast(record)
    await until(lambda: len(votes.answers) == 1)
    assert votes.errors == [Overloaded]
    assert "unforeseen" in caplog.text
    gate.failure = None
    votes.cast(record)
    await until(lambda: len(votes.answers) == 2)
    assert votes.statuses[-1] is BallotStatus.COUNTED
