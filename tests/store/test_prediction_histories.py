"""Random histories of a series: the leaderboard equals that of a model."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from pollwire_server.domain.scoring import Score
from pollwire_server.domain.window import LifecycleAction
from pollwire_server.store import Store, open_store
from pollwire_server.store.polls.repository import PollRecord
from pollwire_server.store.votes.ballots import BallotInput

from tests.store.ballot_helpers import outcomes_of
from tests.store.prediction_helpers import a_prediction, resolved, unresolved, until_later
from tests.valkey import Valkey

VOTERS = [bytes([number]) * 16 for number in (0, 1, 2, 17, 255)]
OUTCOMES = {"home": "A", "away": "B", "draw": "C"}

Happening = tuple[str, int, object]
"""An action, the number of its poll, and its argument."""

numbers = st.integers(0, 2)
voters = st.sampled_from(VOTERS)
picking = st.tuples(st.just("pick"), numbers, st.tuples(voters, st.sampled_from("ABC")))
withdrawing = st.tuples(st.just("withdraw"), numbers, voters)
acting = st.tuples(st.just("act"), numbers, st.sampled_from([LifecycleAction.CLOSE, LifecycleAction.REOPEN]))
resolving = st.tuples(
    st.just("resolve"),
    numbers,
    st.tuples(st.sampled_from([*OUTCOMES, None]), st.none() | st.integers(0, 4)),
)
unresolving = st.tuples(st.just("unresolve"), numbers, st.none())
begun = st.lists(picking, min_size=3, max_size=12)
later = st.lists(st.one_of(picking, withdrawing, acting, resolving, resolving, unresolving), max_size=25)


class PredictionModel:
    """A model of one prediction."""

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self.picks: dict[bytes, list[tuple[str, int]]] = {}
        self.phase = "open"
        self.outcome: str | None = None
        self.effective_at: int | None = None

    def scored(self) -> dict[bytes, bool]:
        """Return the scored voters, and True for those with the right pick."""
        if self.phase != "resolved" or self.outcome is None:
            return {}
        code, until, scored = OUTCOMES[self.outcome], self.effective_at, {}
        for voter, picks in self.picks.items():
            in_time = [pick for pick, at in picks if until is None or at <= until]
            if in_time and in_time[-1]:
                scored[voter] = in_time[-1] == code
        return scored

    def add(self, voter: bytes, code: str, at: int) -> None:
        """Record a pick, or a withdrawal (an empty code), unless it is the current one."""
        picks = self.picks.setdefault(voter, [])
        if not picks or picks[-1][0] != code:
            picks.append((code, at))


@settings(max_examples=40, deadline=None)
@given(first=begun, then=later)
def test_random_prediction_history_matches_model(
    valkey: Valkey, first: list[Happening], then: list[Happening]
) -> None:
    asyncio.run(live_through(valkey, [*first, *then]))


async def live_through(valkey: Valkey, history: list[Happening]) -> None:
    """Run the history on the store and on the model, and compare them after every step that may score."""
    store = await open_store(valkey.url, namespace=f"h{secrets.token_hex(5)}")
    try:
        polls = [PredictionModel(await a_prediction(store)) for _ in range(3)]
        for name, number, what in history:
            poll = polls[number]
            poll.record = await store.polls.get(poll.record.poll.id)
            await step(store, poll, name, what)
            if name in {"resolve", "unresolve"}:
                await compare(store, polls)
        for poll in polls:
            await come_to_an_end(store, poll)
        await compare(store, polls)
    finally:
        await store.close()


async def step(store: Store, poll: PredictionModel, name: str, what: object) -> None:
    """Run one step of the history if the phase allows it."""
    match name, poll.phase, what:
        case "pick", "open", (bytes(voter), str(code)):
            (outcome,) = await outcomes_of(store, poll.record, BallotInput(voter, code))
            poll.add(voter, code, outcome.at)
            await until_later(store, outcome.at)  # so that picks have distinct times
        case "withdraw", "open", bytes(voter) if voter in poll.picks:
            withdrawn = await store.ballots.withdraw(poll.record, voter)
            poll.add(voter, "", withdrawn.at)
            await until_later(store, withdrawn.at)
        case "act", ("open" | "closed"), LifecycleAction() as act if (act is LifecycleAction.CLOSE) == (
            poll.phase == "open"
        ):
            await store.polls.act(poll.record.poll.id, act)
            poll.phase = "closed" if act is LifecycleAction.CLOSE else "open"
        case "resolve", "closed", (outcome, place):
            await resolve(store, poll, outcome, place)  # type: ignore[arg-type]  # as drawn
        case "unresolve", "resolved", _:
            await unresolved(store, poll.record)
            poll.phase = "closed"


async def resolve(store: Store, poll: PredictionModel, outcome: str | None, place: int | None) -> None:
    """Resolve the poll, effective at the time of one of the picks (None: the end of voting)."""
    instants = sorted(at for picks in poll.picks.values() for _, at in picks)
    effective = None if place is None or place >= len(instants) else instants[place]
    await resolved(store, poll.record, outcome, effective)
    poll.phase, poll.outcome, poll.effective_at = "resolved", outcome, effective


async def come_to_an_end(store: Store, poll: PredictionModel) -> None:
    """Close and resolve the poll, effective at its second pick."""
    await step(store, poll, "act", LifecycleAction.CLOSE)
    await step(store, poll, "resolve", ("home", 1))


async def compare(store: Store, polls: list[PredictionModel]) -> None:
    """Check the leaderboard against the model."""
    right, scored = Counter[bytes](), Counter[bytes]()
    for poll in polls:
        for voter, was_right in poll.scored().items():
            scored[voter] += 1
            right[voter] += was_right
    rows, total = await store.series.rows("cup", after=0, limit=100)
    expected = {voter: Score(right[voter], number) for voter, number in scored.items()}
    assert {row.voter: row.score for row in rows} == expected
    assert total == len(rows)
    for row in rows:
        assert row.rank == 1 + sum(
            other.ranking_value > row.score.ranking_value for other in expected.values()
        )
    ranks = [row.rank or 0 for row in rows]
    assert ranks == sorted(ranks)
