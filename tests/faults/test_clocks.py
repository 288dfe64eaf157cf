"""Service clock that is an hour wrong: voting windows use the store's clock only."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.conftest import Conclude, Serve
from tests.faults.crowd import gathered
from tests.faults.journal import POLL
from tests.faults.scale import SCALE
from tests.valkey import Valkey
from tests.wait import until

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        FAKETIME is None and not os.environ.get("CI"), reason="faketime is missing (apt-get install faketime)"
    ),
]
LEFT_MS = 1_500
"""Time between the edit that sets the end of voting and that end."""


def wrong_by(hours: str) -> dict[str, str]:
    """Return an environment in which a process has a wall clock with this error."""
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": hours, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.parametrize("hours", ["+1h", "-1h"])
async def test_service_clock_an_hour_off_does_not_move_voting_window(
    serve: Serve, conclude: Conclude, own_valkey: Valkey, hours: str
) -> None:
    """Votes count until ``closes_at`` on the store's clock. ``/readyz`` reports the skew."""
    up, secret = await serve("--redis", own_valkey.url, **wrong_by(hours))
    path = f"/v1/admin/polls/{POLL['id']}"
    async with gathered(up, secret) as crowd, up.client() as operator:
        await crowd.vote(crowd.ballots(SCALE.votes_a_round // 2))
        crowd.rounds += 1
        await conclude(crowd, f"clock {hours}")

        async def is_reported() -> bool:
            notes = (await operator.get("/readyz")).json().get("notes", [])
            return any("clocks of the store and of this machine" in note for note in notes)

        await until(is_reported, within_s=10)
        closes_at = datetime.now(UTC) + timedelta(milliseconds=LEFT_MS)
        edited = await operator.patch(path, json={"closes_at": closes_at.isoformat()})
        assert edited.status_code == 200, edited.text
        while not crowd.journal.refusals():
            await crowd.vote(crowd.ballots(64))
        assert set(crowd.journal.refusals()) == {"poll-closed"}
        at = [document["at"] for _, document in crowd.journal.responses_with("counted")]
        assert max(at) < edited.json()["closes_at"]
        assert datetime.now(UTC) >= closes_at, "it closed before its time"
        results = (await operator.get(f"/v1/polls/{POLL['id']}/results")).json()
        assert results["voters"] == len(at)
        assert results["final"]
