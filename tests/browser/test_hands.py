"""Every kind takes a vote by touch and by keyboard alone, and all widgets of a page share what they can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, WebSocket, expect

from tests.browser.conftest import Open, Service
from tests.browser.reader import WidgetOnPage
from tests.browser.shots_widget import MULTIPLE, PREDICTION, RATING, SINGLE, made, show

Hand = Callable[[Page, WidgetOnPage, list[str]], Awaitable[None]]


async def by_touch(page: Page, widget: WidgetOnPage, options: list[str]) -> None:
    """Tap each row, then the button."""
    for option in options:
        await widget.option(option).tap()
    await widget.button("Vote").tap()


async def by_keyboard(page: Page, widget: WidgetOnPage, options: list[str]) -> None:
    """Tab into the options, arrows or Tab between them, space to choose, Enter to send."""
    await page.keyboard.press("Tab")
    for option in options:
        field = widget.input(option)
        between = "Tab" if await field.get_attribute("type") == "checkbox" else "ArrowDown"
        for _ in range(10):
            if await field.evaluate("(field) => field.getRootNode().activeElement === field"):
                break
            await page.keyboard.press(between)
        if not await field.is_checked():
            await page.keyboard.press("Space")
    await page.keyboard.press("Enter")


@pytest.mark.parametrize("hand", [by_touch, by_keyboard])
@pytest.mark.parametrize(
    ("document", "options"),
    [(SINGLE, ["b"]), (MULTIPLE, ["a", "c"]), (RATING, ["4"]), (PREDICTION, ["c"])],
    ids=["single", "multiple", "rating", "prediction"],
)
async def test_every_kind_is_voted_in(
    service: Service, open_page: Open, document: dict[str, Any], options: list[str], hand: Hand
) -> None:
    """The vote that was tapped or typed is the one that counts, and nothing else was needed."""
    page = (await open_page("about:blank", has_touch=hand is by_touch)).page
    (widget,) = await show(service, page, [await made(service, document, 0)])
    await hand(page, widget, options)
    await widget.said("Thank you. Your vote is counted.")
    for option in options:
        await widget.marks_as_mine(option)
    await expect(widget.element.locator(".is-mine")).to_have_count(len(options))


async def test_widgets_of_a_page_share_one_socket(service: Service, open_page: Open) -> None:
    """Ten widgets open one socket, and one voter votes in all of them."""
    page = (await open_page("about:blank")).page
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108
    widgets = await show(service, page, [await made(service, SINGLE, 0) for _ in range(10)])
    for widget in (widgets[0], widgets[9]):
        await widget.vote("a")
        await widget.shows_votes("a", "1 vote")
    assert len(sockets) == 1
    tokens = "Object.keys(localStorage).filter((key) => !key.includes('#')).length"
    assert await page.evaluate(tokens) == 1
    assert await page.evaluate("document.cookie") == ""


async def test_fifty_options_follow_live(service: Service, open_page: Open) -> None:
    """A poll of fifty options is voted in on a small screen, and its bars follow."""
    options = [{"id": f"o{number}", "label": f"Option {number}"} for number in range(50)]
    poll = (await service.create_poll(options=options))["id"]
    widget = (await open_page(f"{service.url}/embed/{poll}", viewport={"width": 320, "height": 600})).poll(
        poll
    )
    await widget.vote("o49")
    await service.vote(poll, "o49", await service.voter())
    await widget.shows_votes("o49", "2 votes")
    await expect(widget.element.locator(".option")).to_have_count(50)
