"""The store's process killed in the middle of a crowd's votes."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter

import pytest

from tests.faults.journal import CHOICES, POLL, Ballot, Journal, voters
from tests.loading import Wire, spread, wires
from tests.upping import Up
from tests.waiting import until

VOTERS = 6_000
KILLED_AFTER = (1_500, 3_000, 4_500)
"""Answers after which the store is killed; three rounds in one crowd."""
CONNECTIONS = 64


@pytest.mark.slow
async def test_nothing_answered_is_lost_and_nothing_counts_twice(up: Up) -> None:
    """Votes go on while the store dies and returns; after retries, totals equal what voters were told."""
    journal = Journal()
    chance = random.Random(9)
    kills = list(KILLED_AFTER)
    async with wires(up.address, CONNECTIONS) as connections, up.client() as operator:
        tokens = await voters(connections, VOTERS)

        async def store_is_back() -> bool:
            return not (await operator.get("/readyz")).json().get("degraded")

        async def cast(wire: Wire, ballot: Ballot) -> None:
            await journal.cast(wire, ballot)
            if journal.unanswered:
                await until(store_is_back)
            if kills and len(journal.answers) >= kills[0]:
                kills.pop(0)
                os.kill(up.store.pid, signal.SIGKILL)

        await spread((Ballot(token, chance.choice(CHOICES)) for token in tokens), connections, cast)
        unanswered = len(journal.unanswered)
        await journal.cast_again_until_answered(connections)
        results = (await operator.get(f"/v1/polls/{POLL['id']}/results")).json()

    assert not kills
    assert unanswered, "the kills met votes on their way"
    standing = journal.standing()
    assert not journal.refusals()
    assert len(standing) == VOTERS == results["voters"]
    assert Counter(standing.values()) == results["counts"]
