"""The main job: a poll under an article, voted on in one browser, live in the other."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Open, Service

MOVES_WITHIN_MS = 500

TEAMS: dict[str, Any] = {
    "kind": "prediction",
    "question": "Which team do you think has the higher chance of winning the 2024 elections?",
    "options": [
        {"id": "npp", "label": "NPP"},
        {"id": "ndc", "label": "NDC"},
        {"id": "other", "label": "Another"},
    ],
}


async def with_demo_polls(service: Service, **changes: object) -> None:
    """The two polls of the article, one over, one open."""
    window = {"opens_at": "2024-07-02T00:00:00Z", "closes_at": "2024-11-01T00:00:00Z"}
    await service.create_poll(**TEAMS, id="ghana-2024", **window)
    await service.create_poll(**TEAMS, id="ghana-2024-live", **changes)


async def test_a_vote_moves_the_bars_of_the_other_reader(service: Service, open_page: Open) -> None:
    """A bar on another reader's page has visibly moved within 500 ms of the answer to the vote."""
    await with_demo_polls(service)
    voter, other = await open_page(f"{service.url}/demo"), await open_page(f"{service.url}/demo")
    watched = other.poll("ghana-2024-live")
    await watched.shows("0 voters")
    movement = asyncio.ensure_future(watched.bar_has_moved("ndc"))
    answer = await voter.poll("ghana-2024-live").vote("ndc")
    await answer.finished()
    timing = answer.request.timing
    answered_at = timing["startTime"] + timing["responseEnd"]
    assert await movement - answered_at < MOVES_WITHIN_MS
    await watched.shows_votes("ndc", "1 vote")
    await watched.shows("1 voter")


async def test_a_reload_keeps_the_own_vote_marked(service: Service, open_page: Open) -> None:
    """After a reload the reader's own vote is still marked, in words, and no second one is asked for."""
    await with_demo_polls(service)
    reader = await open_page(f"{service.url}/demo")
    widget = reader.poll("ghana-2024-live")
    await widget.vote("npp")
    await widget.said("Thank you. Your vote is counted.")
    await reader.page.reload()
    await widget.marks_as_mine("npp")
    await expect(widget.button("Vote")).to_be_hidden()
    await expect(widget.option("ndc").get_by_text("Your vote")).to_have_count(0)


async def test_the_end_is_told_plainly(service: Service, open_page: Open) -> None:
    """When the operator closes the poll, every reader is told at once, and the ballot is gone."""
    await with_demo_polls(service)
    reader = await open_page(f"{service.url}/demo")
    widget = reader.poll("ghana-2024-live")
    await widget.choose("npp")
    await service.act("ghana-2024-live", "close")
    await widget.said("Voting has ended.")
    await widget.shows("Closed")
    await widget.shows("Final")
    await expect(widget.input("npp")).to_be_hidden()
    await expect(widget.button("Vote")).to_be_hidden()


async def test_the_poll_of_2024_is_closed(service: Service, open_page: Open) -> None:
    """The poll whose window is past shows that it is closed, and offers no ballot."""
    await with_demo_polls(service)
    widget = (await open_page(f"{service.url}/demo")).poll("ghana-2024")
    await widget.shows("Closed")
    await expect(widget.element.get_by_text("Final results.")).to_be_visible()
    await expect(widget.button("Vote")).to_be_hidden()


async def test_without_demo_polls_the_article_says_how_to_make_them(
    service: Service, open_page: Open
) -> None:
    """Where there are no demo polls the article names the command that makes them."""
    reader = await open_page(f"{service.url}/demo")
    await expect(reader.page.get_by_text("pollwire up --demo")).to_be_visible()
    await expect(reader.page.locator("live-poll").first).to_be_hidden()


async def test_the_keyboard_is_enough(service: Service, open_page: Open) -> None:
    """Tab, arrows and Enter choose and send a vote, and the focus stays in the widget afterwards."""
    await with_demo_polls(service, revote="change")
    reader = await open_page(f"{service.url}/polls/ghana-2024-live")
    widget = reader.poll("ghana-2024-live")
    await widget.input("npp").focus()
    await reader.page.keyboard.press("ArrowDown")
    await expect(widget.input("ndc")).to_be_checked()
    await reader.page.keyboard.press("Enter")
    await widget.marks_as_mine("ndc")
    assert await reader.page.evaluate("document.activeElement.localName") == "live-poll"
    await widget.button("Change my vote").press("Enter")
    await expect(widget.input("ndc")).to_be_checked()
    await widget.input("other").check()
    await widget.button("Save my change").press("Enter")
    await widget.marks_as_mine("other")
    await widget.shows_votes("ndc", "0 votes")
