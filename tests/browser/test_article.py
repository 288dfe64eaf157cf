"""The main use: a poll in an article, with votes of one browser shown live in another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest_asyncio
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


@pytest_asyncio.fixture(loop_scope="session")
async def service(own_service: Service) -> Service:
    """Return a service for one test alone: the tests use the same ids of polls."""
    return own_service


async def create_demo_polls(service: Service, **changes: object) -> None:
    """Create the two polls of the article: one closed, one open."""
    window = {"opens_at": "2024-07-02T00:00:00Z", "closes_at": "2024-11-01T00:00:00Z"}
    await service.create_poll(**TEAMS, id="ghana-2024", **window)
    await service.create_poll(**TEAMS, id="ghana-2024-live", **changes)


async def test_vote_moves_bar_on_another_page_within_500_ms(service: Service, open_page: Open) -> None:
    """The time starts with the response to the vote."""
    await create_demo_polls(service)
    voter, other = await open_page(f"{service.url}/demo"), await open_page(f"{service.url}/demo")
    watched = other.poll("ghana-2024-live")
    await watched.expect_text("0 voters")
    movement = asyncio.ensure_future(watched.wait_for_bar_growth("ndc"))
    answer = await voter.poll("ghana-2024-live").vote("ndc")
    await answer.finished()
    timing = answer.request.timing
    answered_at = timing["startTime"] + timing["responseEnd"]
    assert await movement - answered_at < MOVES_WITHIN_MS
    await watched.expect_votes("ndc", "1 vote")
    await watched.expect_text("1 voter")


async def test_own_vote_after_reload_is_still_marked(service: Service, open_page: Open) -> None:
    await create_demo_polls(service)
    reader = await open_page(f"{service.url}/demo")
    widget = reader.poll("ghana-2024-live")
    await widget.vote("npp")
    await widget.expect_announcement("Thank you. Your vote is counted.")
    await reader.page.reload()
    await widget.expect_own_vote("npp")
    await expect(widget.button("Vote")).to_be_hidden()
    await expect(widget.option("ndc").get_by_text("Your vote")).to_have_count(0)


async def test_closing_is_shown_at_once_and_ends_voting(service: Service, open_page: Open) -> None:
    await create_demo_polls(service)
    reader = await open_page(f"{service.url}/demo")
    widget = reader.poll("ghana-2024-live")
    await widget.choose("npp")
    await service.act("ghana-2024-live", "close")
    await widget.expect_announcement("Voting has ended.")
    await widget.expect_text("Closed")
    await widget.expect_text("Final")
    await expect(widget.input("npp")).to_be_hidden()
    await expect(widget.button("Vote")).to_be_hidden()


async def test_poll_after_its_window_shows_final_results(service: Service, open_page: Open) -> None:
    await create_demo_polls(service)
    widget = (await open_page(f"{service.url}/demo")).poll("ghana-2024")
    await widget.expect_text("Closed")
    await expect(widget.element.get_by_text("Final results.")).to_be_visible()
    await expect(widget.button("Vote")).to_be_hidden()


async def test_article_without_demo_polls_shows_how_to_create_them(service: Service, open_page: Open) -> None:
    reader = await open_page(f"{service.url}/demo")
    await expect(reader.page.get_by_text("pollwire up --demo")).to_be_visible()
    await expect(reader.page.locator("live-poll").first).to_be_hidden()


async def test_vote_is_cast_and_changed_by_keyboard_alone(service: Service, open_page: Open) -> None:
    """The focus stays in the widget."""
    await create_demo_polls(service, revote="change")
    reader = await open_page(f"{service.url}/polls/ghana-2024-live")
    widget = reader.poll("ghana-2024-live")
    await widget.input("npp").focus()
    await reader.page.keyboard.press("ArrowDown")
    await expect(widget.input("ndc")).to_be_checked()
    await reader.page.keyboard.press("Enter")
    await widget.expect_own_vote("ndc")
    assert await reader.page.evaluate("document.activeElement.localName") == "live-poll"
    await widget.button("Change my vote").press("Enter")
    await expect(widget.input("ndc")).to_be_checked()
    await widget.input("other").check()
    await widget.button("Save my change").press("Enter")
    await widget.expect_own_vote("other")
    await widget.expect_votes("ndc", "0 votes")
