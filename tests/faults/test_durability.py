"""The cost of each durability setting. The cost is reported; only exact totals are asserted."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from tests.faults.conftest import AddFigure, Serve
from tests.faults.crowd import gathered
from tests.faults.test_overload import AT_PEAK, pushed, voters_of
from tests.valkey import Valkey

pytestmark = pytest.mark.slow
SETTINGS = (
    ("fsync always", {"appendonly": "yes", "appendfsync": "always"}),
    ("fsync every second", {"appendonly": "yes", "appendfsync": "everysec"}),
    ("no append-only file", {"appendonly": "no"}),
)


async def test_every_answered_vote_counts_under_each_fsync_setting(
    serve: Serve, own_valkey: Valkey, add_figure: AddFigure
) -> None:
    """Also reports votes per second and their p99 for each setting."""
    up, secret = await serve("--redis", own_valkey.url)
    hand = Redis.from_url(own_valkey.url)
    answered = 0
    async with gathered(up, secret) as crowd:
        answered += (await pushed(crowd, AT_PEAK))["statuses"]["200"]  # everything has been met once
        for name, settings in SETTINGS:
            for setting, value in settings.items():
                await hand.config_set(setting, value)
            load = await pushed(crowd, AT_PEAK)
            assert set(load["statuses"]) == {"200"}, load
            answered += load["statuses"]["200"]
            add_figure(f"{name}: {load['per_s']:,.0f} votes a second, p99 {load['p99_s'] * 1000:.0f} ms")
        assert await voters_of(crowd) == answered
    await hand.aclose()
