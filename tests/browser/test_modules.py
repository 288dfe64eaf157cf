"""Modules of the client and the widget, run in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Service

HELD = {"epoch": "01933c5f8a2b", "seq": 42}


@pytest.mark.parametrize(
    ("next_results", "sheet"),
    [
        ({"epoch": "01933c5f8a2b", "seq": 43}, True),
        ({"epoch": "01933c5f8a2b", "seq": 42}, True),
        ({"epoch": "01933c5f8a2b", "seq": 41}, False),
        ({"epoch": "01933c5f8a2c", "seq": 0}, True),
        ({"epoch": "01933c5f8a2a", "seq": 99}, False),
        ({"epoch": "01933c5f8a2b", "seq": 0, "hidden": True}, True),
    ],
)
async def test_results_are_replaced_unless_older(
    service: Service, open_page: Open, next_results: dict[str, Any], sheet: bool
) -> None:
    """The order is (epoch, seq). Hidden results always replace."""
    reader = await open_page(f"{service.url}/")
    script = "async ([held, next]) => (await import('/static/x/client/result_order.js')).replaces(held, next)"
    assert await reader.page.evaluate(script, [HELD, next_results]) is sheet


async def test_clock_follows_newest_as_of_and_ignores_late_frames(service: Service, open_page: Open) -> None:
    reader = await open_page(f"{service.url}/")
    script = """async () => {
      const { Clock } = await import('/static/x/client/clock.js');
      const clock = new Clock();
      clock.update('2031-05-06T07:08:10.000Z');
      clock.update('2031-05-06T07:08:09.000Z');
      return clock.now() - Date.parse('2031-05-06T07:08:10.000Z');
    }"""
    assert 0 <= await reader.page.evaluate(script) < 1000


async def test_totals_are_announced_at_most_every_ten_seconds(service: Service, open_page: Open) -> None:
    """Other announcements are not delayed."""
    reader = await open_page(f"{service.url}/")
    await reader.page.clock.install()
    script = """async () => {
      const { Announcer } = await import('/static/x/widget/announcer.js');
      const region = document.body.appendChild(document.createElement('output'));
      const announcer = new Announcer(region);
      announcer.announceTotals(() => 'one voter');
      announcer.announceTotals(() => 'two voters');
      announcer.announce('closed');
    }"""
    await reader.page.evaluate(script)
    region = reader.page.locator("output")
    await expect(region).to_have_text("closed")
    await reader.page.clock.fast_forward(9_000)
    await expect(region).to_have_text("closed")
    await reader.page.clock.fast_forward(1_500)
    await expect(region).to_have_text("two voters")


async def test_bars_are_not_animated_with_reduced_motion(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    for preference, duration in (("reduce", "0s"), ("no-preference", "0.45s, 0.2s")):
        reader = await open_page(f"{service.url}/polls/{poll}", reduced_motion=preference)
        bar = reader.poll(poll).option("rice").locator(".bar")
        await expect(bar).to_have_css("transition-duration", duration)


async def test_client_module_votes_reads_own_vote_and_streams_results(
    service: Service, open_page: Open
) -> None:
    poll = (await service.create_poll())["id"]
    reader = await open_page(f"{service.url}/")
    script = """async (id) => {
      const { connect } = await import('/client.js');
      const polls = connect(location.href);
      const poll = await polls.poll(id);
      await polls.vote(poll, 'yam');
      const heard = new Promise((resolve) => {
        polls.watch(id, { results: ({ counts }) => counts.yam === 1 && resolve(counts) });
      });
      return [(await polls.mine(poll)).choice, await heard];
    }"""
    assert await reader.page.evaluate(script, poll) == ["yam", {"rice": 0, "yam": 1}]
