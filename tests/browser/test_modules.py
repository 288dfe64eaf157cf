"""Rules of the widget's modules, asked in the browser that runs them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open, Service

HELD = {"epoch": "01933c5f8a2b", "seq": 42}


@pytest.mark.parametrize(
    ("next_results", "taken"),
    [
        ({"epoch": "01933c5f8a2b", "seq": 43}, True),
        ({"epoch": "01933c5f8a2b", "seq": 42}, True),
        ({"epoch": "01933c5f8a2b", "seq": 41}, False),
        ({"epoch": "01933c5f8a2c", "seq": 0}, True),
        ({"epoch": "01933c5f8a2a", "seq": 99}, False),
        ({"epoch": "01933c5f8a2b", "seq": 0, "hidden": True}, True),
    ],
)
async def test_only_what_is_not_older_replaces(
    service: Service, open_page: Open, next_results: dict[str, Any], taken: bool
) -> None:
    """Results replace those held unless their (epoch, seq) is older; hidden ones always do."""
    reader = await open_page(f"{service.url}/")
    script = "async ([held, next]) => (await import('/static/x/client/order.js')).replaces(held, next)"
    assert await reader.page.evaluate(script, [HELD, next_results]) is taken


async def test_the_service_clock_wins_over_a_wrong_one(service: Service, open_page: Open) -> None:
    """The clock follows the newest ``as_of``, not the device, and a late frame does not set it back."""
    reader = await open_page(f"{service.url}/")
    script = """async () => {
      const { Clock } = await import('/static/x/client/clock.js');
      const clock = new Clock();
      clock.learn('2031-05-06T07:08:10.000Z');
      clock.learn('2031-05-06T07:08:09.000Z');
      return clock.now() - Date.parse('2031-05-06T07:08:10.000Z');
    }"""
    assert 0 <= await reader.page.evaluate(script) < 1000
