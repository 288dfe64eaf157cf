"""20,000 votes around the instant at which the poll closes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import websockets

from tests.faults.journal import CHOICES, POLL, Ballot, Journal, voters
from tests.http_load import LoadConnection, load_connections, spread
from tests.pollwire_process import Up
from tests.wait import until

VOTES = 20_000
VOTERS = 15_000
CONNECTIONS = 64


def _ballots(tokens: list[str]) -> list[Ballot]:
    """Return one ballot per voter and a second one for some: half unchanged, half with another choice."""
    chance = random.Random(20241031)
    first = [Ballot(token, chance.choice(CHOICES)) for token in tokens]
    again = [
        Ballot(ballot.voter, ballot.choice if position % 2 else chance.choice(CHOICES))
        for position, ballot in enumerate(chance.sample(first, VOTES - VOTERS))
    ]
    ballots = first + again
    chance.shuffle(ballots)
    return ballots


async def _last_frame(url: str, is_open: asyncio.Event) -> dict[str, object]:
    """Return the final frame of the closed poll. Later frames may only repeat it."""
    async with websockets.connect(url) as socket:
        is_open.set()
        async for message in socket:
            frame: dict[str, object] = msgspec.json.decode(message)
            if frame.get("final"):
                return frame
    raise AssertionError("the stream ended before the poll did")


@pytest.mark.slow
async def test_totals_match_receipts_when_poll_closes_under_load(up: Up) -> None:
    """20,000 votes of 15,000 voters."""
    journal = Journal()
    async with load_connections(up.address, CONNECTIONS) as connections, up.client() as operator:
        ballots = _ballots(await voters(connections, VOTERS))
        is_watching = asyncio.Event()
        watching = asyncio.create_task(
            _last_frame(up.url.replace("http", "ws", 1) + f"/v1/polls/{POLL['id']}/live", is_watching)
        )
        await is_watching.wait()
        closes_at: list[str] = []

        async def cast(connection: LoadConnection, ballot: Ballot) -> None:
            await until(lambda: journal.cast(connection, ballot), within_s=10)
            if len(journal.answers) >= VOTES // 2 and not closes_at:
                closes_at.append("soon")
                soon = datetime.now(UTC) + timedelta(milliseconds=150)
                answer = await operator.patch(
                    f"/v1/admin/polls/{POLL['id']}", json={"closes_at": soon.isoformat()}
                )
                assert answer.status_code == 200, answer.text
                closes_at[0] = answer.json()["closes_at"]

        await spread(ballots, connections, cast)
        last = await asyncio.wait_for(watching, 5)
        fresh = (await operator.get(f"/v1/polls/{POLL['id']}/results")).json()

    counted, choices = journal.responses_with("counted"), journal.choices()
    asked_again = {
        ballot.voter for ballot in journal.unanswered
    }  # none, unless the machine was busy for a second
    unsure = asked_again - choices.keys()  # who came too late the second time
    assert len({ballot.voter for ballot, _ in counted}) == len(counted)
    assert len(choices) <= fresh["voters"] <= len(choices) + len(unsure)
    confirmed = Counter(choices.values())
    assert all(0 <= votes - confirmed[choice] <= len(unsure) for choice, votes in fresh["counts"].items())
    assert sum(fresh["counts"].values()) == fresh["voters"]
    assert all(answer["at"] < closes_at[0] for _, answer in counted)
    seqs = {answer["seq"] for _, answer in counted}
    assert len(seqs) == len(counted)
    assert (
        len(set(range(1, fresh["voters"] + 1)) - seqs) == fresh["voters"] - len(counted) <= len(asked_again)
    )
    assert set(journal.refusals()) == {"poll-closed", "already-voted"}, "the poll closed half way"
    assert {k: v for k, v in last.items() if k != "as_of"} == {k: v for k, v in fresh.items() if k != "as_of"}
