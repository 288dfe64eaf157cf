"""Random histories of votes and actions: the totals equal the stored ballots."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.domain.errors import PhaseConflict, VoteNotFound
from pollwire_server.domain.poll import Kind, Revote, Scale
from pollwire_server.domain.recount import recount_of
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.keys import RANKINGS
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput, BallotOutcome, BallotStatus

from tests.factories import options
from tests.store.ballot_helpers import made, outcomes_of, stored_ballots, tally_of
from tests.valkey import Valkey

VOTERS = [bytes([number]) * 16 for number in (0, 1, 2, 17, 255)]
CODES = ["A", "B", "C", "AB", "BC", "ABC", "CA", "BA"]
CAPACITY = 2
"""Capacity of option B, if it has one."""

revisions = st.none() | st.integers(0, 4)
ballots = st.builds(BallotInput, st.sampled_from(VOTERS), st.sampled_from(CODES), revisions)
casting = st.tuples(st.just("cast"), st.lists(ballots, min_size=1, max_size=8))
withdrawing = st.tuples(st.just("withdraw"), st.tuples(st.sampled_from(VOTERS), revisions))
acting = st.tuples(
    st.just("act"), st.sampled_from([LifecycleAction.CLOSE, LifecycleAction.REOPEN, LifecycleAction.RESET])
)
histories = st.lists(st.one_of(casting, casting, withdrawing, acting), min_size=1, max_size=14)


class Model:
    """Model of the voting rules, in their simplest form."""

    def __init__(self, revote: Revote, kind: Kind, capacity: int | None) -> None:
        self.revote = revote
        self.kind = kind
        self.capacity = capacity
        self.is_open = True
        self.current: dict[bytes, tuple[int, str]] = {}
        self.seq = 0

    def cast(self, ballot: BallotInput) -> BallotStatus:
        """Apply a ballot to the model and return its expected status."""
        revision, code = self.current.get(ballot.voter, (0, ""))
        if code == ballot.code:
            return BallotStatus.UNCHANGED
        if not self.is_open:
            return BallotStatus.CLOSED
        if code and self.revote is Revote.NEVER:
            return BallotStatus.ALREADY_VOTED
        if ballot.revision is not None and ballot.revision != revision:
            return BallotStatus.STALE_REVISION
        if "B" in ballot.code and "B" not in code and self.counts().get("B", 0) == self.capacity:
            return BallotStatus.OPTION_FULL
        self._move(ballot.voter, revision, ballot.code)
        return BallotStatus.CHANGED if code else BallotStatus.COUNTED

    def withdraw(self, voter: bytes, named: int | None) -> BallotStatus | None:
        """Apply a withdrawal to the model and return its expected status; None without a vote."""
        if voter not in self.current:
            return None
        revision, code = self.current[voter]
        if not code:
            return BallotStatus.WITHDRAWN
        if not self.is_open:
            return BallotStatus.CLOSED
        if self.revote is not Revote.WITHDRAW:
            return BallotStatus.ALREADY_VOTED
        if named is not None and named != revision:
            return BallotStatus.STALE_REVISION
        self._move(voter, revision, "")
        return BallotStatus.WITHDRAWN

    def act(self, act: LifecycleAction) -> None:
        """Close or reopen; a repeat changes nothing. Reset removes all votes."""
        if act is LifecycleAction.RESET:
            self.current, self.seq = {}, 0
            return
        self.is_open = act is LifecycleAction.REOPEN

    def counts(self) -> dict[str, int]:
        """Return the letters of all counted choices. A ranking counts for its first option."""
        return dict(Counter("".join(counted(self.kind, code) for code in self.codes())))

    def codes(self) -> list[str]:
        """Return all current choices."""
        return [code for _, code in self.current.values() if code]

    def _move(self, voter: bytes, revision: int, code: str) -> None:
        self.current[voter] = (revision + 1, code)
        self.seq += 1


def counted(kind: Kind, code: str) -> str:
    """Return the letters that a code counts for."""
    return code[:1] if kind is Kind.RANKED else code


@settings(max_examples=100, deadline=None)
@given(
    history=histories,
    revote=st.sampled_from(Revote),
    kind=st.sampled_from(Kind),
    capacity=st.sampled_from([None, CAPACITY]),
)
def test_random_vote_history_matches_model(
    valkey: Valkey, history: list[tuple[str, object]], revote: Revote, kind: Kind, capacity: int | None
) -> None:
    """After any history, each outcome equals the model's. Counts and rankings equal a recount.

    ``voters`` is the number of current votes, and the sum of the counts if each has one choice. No option
    exceeds its capacity. ``seq`` grew by one with each counted change.
    """
    if kind not in (Kind.MULTIPLE, Kind.RANKED):
        history = [(name, one_letter_each(given)) for name, given in history]
    if kind in (Kind.RANKED, Kind.RATING):
        capacity = None
    asyncio.run(live_through(valkey, history, Model(revote, kind, capacity)))


def one_letter_each(given: object) -> object:
    """Return the ballots of a step with one choice each, for polls that accept one choice."""
    if not isinstance(given, list):
        return given
    return [msgspec.structs.replace(ballot, code=ballot.code[0]) for ballot in given]


async def live_through(valkey: Valkey, history: list[tuple[str, object]], model: Model) -> None:
    """Run the history on the store and on the model."""
    store = await open_store(valkey.url, namespace=f"h{secrets.token_hex(5)}")
    try:
        record = await made(store, revote=model.revote, kind=model.kind, **choosing_from(model))
        for name, given in history:
            record = await step(store, record, model, name, given)
            await compare(store, record, model)
    finally:
        await store.close()


def choosing_from(model: Model) -> dict[str, object]:
    """Return the poll's fields: options a, b and c, the second with the model's capacity, or the rating
    scale.
    """
    if model.kind is Kind.RATING:
        return {"options": (), "scale": Scale(min=1, max=5)}
    first, second, third = options("a", "b", "c")
    return {"options": (first, msgspec.structs.replace(second, capacity=model.capacity), third)}


async def step(store: Store, record: PollRecord, model: Model, name: str, given: object) -> PollRecord:
    """Run one step of the history. The store and the model must return the same outcome."""
    match name, given:
        case "cast", list(casts):
            outcomes = await outcomes_of(store, record, *casts)
            assert [outcome.status for outcome in outcomes] == [model.cast(ballot) for ballot in casts]
            check_revisions(casts, outcomes, model)
        case "withdraw", (bytes(voter), named):
            try:
                outcome = await store.ballots.withdraw(record, voter, named)  # type: ignore[arg-type]
                assert outcome.status is model.withdraw(voter, named)  # type: ignore[arg-type]
            except VoteNotFound:
                assert model.withdraw(voter, None) is None
        case "act", LifecycleAction() as act:
            try:
                record = await store.polls.act(record.poll.id, act)
                model.act(act)
            except PhaseConflict:
                assert act is LifecycleAction.REOPEN
                assert model.is_open
    return record


def check_revisions(casts: list[BallotInput], outcomes: list[BallotOutcome], model: Model) -> None:
    """Check that the last ballot of each voter in a batch returned the stored revision."""
    last = {ballot.voter: outcome for ballot, outcome in zip(casts, outcomes, strict=True)}
    for voter, outcome in last.items():
        if outcome.status is not BallotStatus.CLOSED:
            stored = model.current.get(voter, (0, ""))
            full = outcome.status is BallotStatus.OPTION_FULL
            assert (outcome.revision, outcome.code) == ((stored[0], "B") if full else stored)


async def compare(store: Store, record: PollRecord, model: Model) -> None:
    """Compare the totals with the model and with a recount of the stored ballots."""
    tally = await tally_of(store, record)
    stored = await stored_ballots(store, record)
    counts = {letter: count for letter, count in tally.counts.items() if count}
    codes = [value[9:].decode() for value in stored.values()]
    recount = Counter("".join(counted(model.kind, code) for code in codes))
    assert counts == recount == model.counts()
    rankings = await store.connection.client.hgetall(record.keys[RANKINGS])
    profile = {code.decode(): int(number) for code, number in rankings.items()}
    assert profile == (Counter(model.codes()) if model.kind is Kind.RANKED else {})
    assert model.capacity is None or counts.get("B", 0) <= model.capacity
    assert tally.voters == sum(bool(value[9:]) for value in stored.values())
    assert tally.seq == model.seq
    reading, found = await store.recounts.recount(record.poll.id)
    assert recount_of(reading.record.poll, reading.tally, found).matches
    assert found == Counter(model.codes())
    if model.kind is not Kind.MULTIPLE:
        assert sum(counts.values()) == tally.voters
