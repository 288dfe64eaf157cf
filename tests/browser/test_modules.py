"""Modules of the client and the widget, run in the browser."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect
from pollwire.terminal.shares import shares_of

from tests.browser.conftest import Open, Service

SHARE_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "share_vectors.json").read_text("utf-8"))

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


ROUND_SHARES = """async (cases) => {
  const { roundShares } = await import('/static/x/results/shares.js');
  return cases.map(([counts, voters, digits]) => roundShares(counts, voters, digits));
}"""


async def test_shares_match_vectors_and_command_line(service: Service, open_page: Open) -> None:
    """Pages and the command line have one function each, which must return the same shares."""
    draw = random.Random(2026)
    drawn = [[int(draw.paretovariate(0.4)) for _ in range(draw.randint(1, 12))] for _ in range(400)]
    cases = [(counts, sum(counts), digits) for counts in drawn for digits in (0, 1)]
    cases += [(counts, max(counts) + draw.randint(0, 9), 0) for counts in drawn]
    expected = [
        list(shares_of({str(place): count for place, count in enumerate(counts)}, voters, digits).values())
        for counts, voters, digits in cases
    ]
    for vector in SHARE_VECTORS:
        cases.append((vector["counts"], vector["voters"], vector.get("digits", 0)))
        expected.append(vector["shares"])
    reader = await open_page(f"{service.url}/")
    found = await reader.page.evaluate(ROUND_SHARES, [list(case) for case in cases])
    for case, shares, right in zip(cases, found, expected, strict=True):
        assert [100 * share for share in shares] == pytest.approx(right, abs=1e-9), case


VOTES = {"counts": {"a": 4, "b": 3, "c": 3}}
LEADERS: dict[str, tuple[str, dict[str, Any], list[str], list[str]]] = {
    "single": ("single", VOTES, ["a"], ["a", "b", "c"]),
    "tie": ("single", {"counts": {"a": 2, "b": 3, "c": 3}}, ["b", "c"], ["b", "c", "a"]),
    "no-votes": ("multiple", {"counts": {"a": 0, "b": 0, "c": 0}}, [], ["a", "b", "c"]),
    "hidden": ("single", {"hidden": True}, [], ["a", "b", "c"]),
    "ranked": ("ranked", {**VOTES, "leading": ["c"]}, ["c"], ["c", "a", "b"]),
    "declared-tie": ("ranked", {**VOTES, "leading": ["b", "c"]}, ["b", "c"], ["b", "c", "a"]),
    "ranked-without-leader": ("ranked", VOTES, [], ["a", "b", "c"]),
    "forecast": (
        "prediction",
        {**VOTES, "forecast": {"a": 0.3, "b": 0.3, "c": 0.4}},
        ["c"],
        ["c", "a", "b"],
    ),
    "forecast-without-votes": (
        "prediction",
        {"counts": {"a": 0, "b": 0}, "forecast": None},
        [],
        ["a", "b", "c"],
    ),
    "rating": ("rating", VOTES, [], ["a", "b", "c"]),
}
ORDER = """async ([kind, results]) => {
  const { leadingIds, orderByResult } = await import('/static/x/results/leading.js');
  return [leadingIds(kind, results), orderByResult(['a', 'b', 'c'], kind, results)];
}"""


async def test_leading_options_follow_the_rule_of_the_kind(service: Service, open_page: Open) -> None:
    reader = await open_page(f"{service.url}/")
    found = {
        name: await reader.page.evaluate(ORDER, [kind, results])
        for name, (kind, results, _, _) in LEADERS.items()
    }
    assert found == {name: [leading, order] for name, (_, _, leading, order) in LEADERS.items()}


THIRDS = {"a": 0.333334, "b": 0.333333, "c": 0.333333}
ANNOUNCED = """async ([poll, results]) => {
  const { totalsText } = await import('/static/x/widget/messages.js');
  const { initialState } = await import('/static/x/widget/model.js');
  const { Translator } = await import('/static/x/i18n/i18n.js');
  const english = (await import('/static/x/i18n/widget/en.js')).default;
  return totalsText(new Translator('en', english), { ...initialState(), poll, results });
}"""


@pytest.mark.parametrize(
    ("kind", "results", "text"),
    [
        pytest.param(
            "single",
            {"voters": 7, "counts": {"a": 0, "b": 0, "c": 0, "d": 0, "e": 2, "f": 2, "g": 3}},
            "7 voters. G: 43%. E: 29%. F: 28%. A: 0%. B: 0%",
            id="seven-options",
        ),
        pytest.param(
            "ranked",
            {"voters": 9, "counts": {"a": 4, "b": 3, "c": 2}, "leading": ["b"]},
            "9 voters. B: 33%. A: 45%. C: 22%",
            id="ranked",
        ),
        pytest.param(
            "prediction",
            {
                "voters": 3,
                "counts": {"a": 3, "b": 0, "c": 0},
                "forecast": {"a": 0.333334, "b": 0.333333, "c": 0.333333},
            },
            "3 voters. A: 33.4%. B: 33.3%. C: 33.3%",
            id="forecast",
        ),
    ],
)
async def test_announcement_names_leading_options_with_shares_that_add_up(
    service: Service, open_page: Open, kind: str, results: dict[str, Any], text: str
) -> None:
    """At most five options are announced."""
    poll = {"kind": kind, "options": [{"id": name, "label": name.upper()} for name in results["counts"]]}
    reader = await open_page(f"{service.url}/")
    assert await reader.page.evaluate(ANNOUNCED, [poll, {"phase": "open", **results}]) == text
