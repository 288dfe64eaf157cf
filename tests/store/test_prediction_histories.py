"""Any history of a series: its leaderboard is what an independent recount of the history comes to."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from service.domain.scoring import Score
from service.domain.window import Act
from service.store import Store, open_store
from service.store.ballots import Cast
from service.store.polls import PollRecord
from service.store.series import Row
from tests.making import a_voter
from tests.store.casting import outcomes_of
from tests.store.predicting import a_prediction, resolved, unresolved, until_later
from tests.valkey import Valkey

VOTERS = [a_voter() for _ in range(5)]
POLLS = range(3)
OUTCOMES = {"home": "A", "away": "B", "draw": "C"}

polls = st.sampled_from(POLLS)
voters = st.sampled_from(range(len(VOTERS)))


class _Recounted:
    """What the history says of one poll, kept in the plainest way."""

    def __init__(self, record: PollRecord) -> None:
        self.record = record
        self.picks: dict[bytes, tuple[str, int]] = {}
        self.phase = "open"
        self.outcome: str | None = None
        self.effective_at: int | None = None


def history_of(valkey: Valkey) -> type[RuleBasedStateMachine]:
    """Histories on the server: picks, changes, closes, reopenings, resolutions, corrections."""

    class History(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.loop = asyncio.new_event_loop()
            self.store: Store = self.wait(open_store(valkey.url, namespace=f"t{secrets.token_hex(4)}"))
            self.polls = [_Recounted(self.wait(a_prediction(self.store))) for _ in POLLS]

        def wait(self, coroutine: Any) -> Any:
            return self.loop.run_until_complete(coroutine)

        def fresh(self, number: int) -> _Recounted:
            poll = self.polls[number]
            poll.record = self.wait(self.store.polls.get(poll.record.poll.id))
            return poll

        @rule(number=polls, voter=voters, code=st.sampled_from("ABC"))
        def pick(self, number: int, voter: int, code: str) -> None:
            poll = self.fresh(number)
            (outcome,) = self.wait(outcomes_of(self.store, poll.record, Cast(VOTERS[voter], code)))
            if poll.phase == "open":
                poll.picks[VOTERS[voter]] = (code, outcome.at)
                self.wait(until_later(self.store, outcome.at))  # so that histories have an order to tell

        @rule(number=polls, voter=voters)
        def withdraw(self, number: int, voter: int) -> None:
            poll = self.fresh(number)
            if poll.phase == "open" and VOTERS[voter] in poll.picks:
                self.wait(self.store.ballots.withdraw(poll.record, VOTERS[voter]))
                del poll.picks[VOTERS[voter]]

        @rule(number=polls, act=st.sampled_from([Act.CLOSE, Act.REOPEN]))
        def act(self, number: int, act: Act) -> None:
            poll = self.polls[number]
            if poll.phase == {Act.CLOSE: "open", Act.REOPEN: "closed"}[act]:
                self.wait(self.store.polls.act(poll.record.poll.id, act))
                poll.phase = "closed" if act is Act.CLOSE else "open"

        @rule(
            number=polls,
            outcome=st.sampled_from([*OUTCOMES, None]),
            place=st.none() | st.floats(min_value=0, max_value=1),
        )
        def resolve(self, number: int, outcome: str | None, place: float | None) -> None:
            poll = self.polls[number]
            if poll.phase != "closed":
                return
            instants = sorted(at for _, at in poll.picks.values()) or [1]
            effective = None if place is None else instants[round(place * (len(instants) - 1))]
            self.wait(resolved(self.store, poll.record, outcome, effective))
            poll.phase, poll.outcome, poll.effective_at = "resolved", outcome, effective

        @rule(number=polls)
        def unresolve(self, number: int) -> None:
            poll = self.polls[number]
            if poll.phase == "resolved":
                self.wait(unresolved(self.store, poll.record))
                poll.phase = "closed"

        @precondition(lambda self: any(poll.phase == "resolved" for poll in self.polls))
        @rule()
        def compare(self) -> None:
            self.check()

        def check(self) -> None:
            right: Counter[bytes] = Counter()
            scored: Counter[bytes] = Counter()
            for poll in self.polls:
                if poll.phase != "resolved" or poll.outcome is None:
                    continue
                for voter, (code, at) in poll.picks.items():
                    if poll.effective_at is None or at <= poll.effective_at:
                        scored[voter] += 1
                        right[voter] += code == OUTCOMES[poll.outcome]
            rows: list[Row] = self.wait(self.store.series.rows("cup", after=0, limit=100))[0]
            expected = {voter: Score(right[voter], number) for voter, number in scored.items()}
            assert {row.voter: row.score for row in rows} == expected
            for row in rows:
                better = sum(other.standing > row.score.standing for other in expected.values())
                assert row.rank == better + 1
            assert [row.rank for row in rows] == sorted(row.rank for row in rows)

        def teardown(self) -> None:
            self.check()
            self.wait(self.store.close())
            self.loop.close()

    return History


def test_any_history_is_recounted(valkey: Valkey) -> None:
    """Scores and ranks are those of the picks that stood in time in the polls that are resolved now."""
    machine = history_of(valkey).TestCase
    machine.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
    machine().runTest()
