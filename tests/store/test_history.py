"""Any history of votes and acts leaves totals that are exactly the ballots that stand."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.errors import PhaseConflict, VoteNotFound
from service.domain.poll import Kind, Revote
from service.domain.window import Act
from service.store import Store, open_store
from service.store.ballots import Cast, Outcome, Status
from service.store.polls import PollRecord
from tests.store.casting import made, outcomes_of, stored_ballots, tally_of
from tests.valkey import Valkey

VOTERS = [bytes([number]) * 16 for number in (0, 1, 2, 17, 255)]
CODES = ["A", "B", "C", "AB", "BC", "ABC"]

revisions = st.none() | st.integers(0, 4)
ballots = st.builds(Cast, st.sampled_from(VOTERS), st.sampled_from(CODES), revisions)
casting = st.tuples(st.just("cast"), st.lists(ballots, min_size=1, max_size=8))
withdrawing = st.tuples(st.just("withdraw"), st.tuples(st.sampled_from(VOTERS), revisions))
acting = st.tuples(st.just("act"), st.sampled_from([Act.CLOSE, Act.REOPEN]))
histories = st.lists(st.one_of(casting, casting, withdrawing, acting), min_size=1, max_size=14)


class Model:
    """The rules once more, as plainly as they can be said."""

    def __init__(self, revote: Revote) -> None:
        self.revote = revote
        self.is_open = True
        self.standing: dict[bytes, tuple[int, str]] = {}
        self.seq = 0

    def cast(self, ballot: Cast) -> Status:
        """What should become of a ballot, done."""
        revision, code = self.standing.get(ballot.voter, (0, ""))
        if code == ballot.code:
            return Status.UNCHANGED
        if not self.is_open:
            return Status.CLOSED
        if code and self.revote is Revote.NEVER:
            return Status.ALREADY_VOTED
        if ballot.revision is not None and ballot.revision != revision:
            return Status.STALE_REVISION
        self._move(ballot.voter, revision, ballot.code)
        return Status.CHANGED if code else Status.COUNTED

    def withdraw(self, voter: bytes, named: int | None) -> Status | None:
        """What should become of a withdrawal, done; None where there is nothing to withdraw."""
        if voter not in self.standing:
            return None
        revision, code = self.standing[voter]
        if not code:
            return Status.WITHDRAWN
        if not self.is_open:
            return Status.CLOSED
        if self.revote is not Revote.WITHDRAW:
            return Status.ALREADY_VOTED
        if named is not None and named != revision:
            return Status.STALE_REVISION
        self._move(voter, revision, "")
        return Status.WITHDRAWN

    def act(self, act: Act) -> None:
        """Close or reopen; a repeat changes nothing."""
        self.is_open = act is Act.REOPEN

    def counts(self) -> dict[str, int]:
        """Every letter that stands."""
        return dict(Counter(letter for _, code in self.standing.values() for letter in code))

    def _move(self, voter: bytes, revision: int, code: str) -> None:
        self.standing[voter] = (revision + 1, code)
        self.seq += 1


@settings(max_examples=60, deadline=None)
@given(history=histories, revote=st.sampled_from(Revote), kind=st.sampled_from([Kind.SINGLE, Kind.MULTIPLE]))
def test_any_history(valkey: Valkey, history: list[tuple[str, object]], revote: Revote, kind: Kind) -> None:
    """After any history each answer is the model's, counts are a recount of the ballots, voters those whose
    choice stands (in a single poll the counts' sum), and seq grew by one with each counted change."""
    if kind is Kind.SINGLE:
        history = [(name, one_letter_each(given)) for name, given in history]
    asyncio.run(live_through(valkey, history, revote, kind))


def one_letter_each(given: object) -> object:
    """The ballots of a step, as a poll of one choice takes them."""
    if not isinstance(given, list):
        return given
    return [ballot._replace(code=ballot.code[0]) for ballot in given]


async def live_through(valkey: Valkey, history: list[tuple[str, object]], revote: Revote, kind: Kind) -> None:
    """The history, on the store and on the model side by side."""
    store = await open_store(valkey.url, namespace=f"h{secrets.token_hex(5)}")
    try:
        record, model = await made(store, revote=revote, kind=kind), Model(revote)
        for name, given in history:
            record = await step(store, record, model, name, given)
            await compare(store, record, model, kind)
    finally:
        await store.close()


async def step(store: Store, record: PollRecord, model: Model, name: str, given: object) -> PollRecord:
    """One step of the history, answered alike by both."""
    match name, given:
        case "cast", list(casts):
            outcomes = await outcomes_of(store, record, *casts)
            assert [outcome.status for outcome in outcomes] == [model.cast(ballot) for ballot in casts]
            check_standing(casts, outcomes, model)
        case "withdraw", (bytes(voter), named):
            try:
                outcome = await store.ballots.withdraw(record, voter, named)  # type: ignore[arg-type]
                assert outcome.status is model.withdraw(voter, named)  # type: ignore[arg-type]
            except VoteNotFound:
                assert model.withdraw(voter, None) is None
        case "act", Act() as act:
            try:
                record = await store.polls.act(record.poll.id, act)
                model.act(act)
            except PhaseConflict:
                assert act is Act.REOPEN
                assert model.is_open
    return record


def check_standing(casts: list[Cast], outcomes: list[Outcome], model: Model) -> None:
    """A voter's last ballot of a batch is answered with what stands."""
    last = {ballot.voter: outcome for ballot, outcome in zip(casts, outcomes, strict=True)}
    for voter, outcome in last.items():
        if outcome.status is not Status.CLOSED:
            assert (outcome.revision, outcome.code) == model.standing.get(voter, (0, ""))


async def compare(store: Store, record: PollRecord, model: Model, kind: Kind) -> None:
    """The totals against the model, and against a recount of what is stored."""
    tally = await tally_of(store, record)
    stored = await stored_ballots(store, record)
    counts = {letter: count for letter, count in tally.counts.items() if count}
    recount = Counter(chr(letter) for value in stored.values() for letter in value[9:])
    assert counts == recount == model.counts()
    assert tally.voters == sum(bool(value[9:]) for value in stored.values())
    assert tally.seq == model.seq
    if kind is Kind.SINGLE:
        assert sum(counts.values()) == tally.voters
