"""A ranking is made by mouse, by touch and by keyboard, of some options or of all."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open, Service
from tests.browser.reader import WidgetOnPage

OPTIONS = [{"id": name, "label": name.title()} for name in ("fig", "lime", "plum", "pear")]
RANKED: dict[str, Any] = {"kind": "ranked", "options": OPTIONS, "revote": "withdraw"}


async def a_ranking(service: Service, open_page: Open, **context: Any) -> tuple[Page, WidgetOnPage]:
    """A page with a ranked poll that is open, its ballot there."""
    poll = (await service.create_poll(**RANKED))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}", **context)
    widget = reader.poll(poll)
    await expect(widget.element.locator(".ranking .option")).to_have_count(4)
    return reader.page, widget


async def ranked_in(widget: WidgetOnPage) -> list[str | None]:
    """The options above the line, best first."""
    rows = await widget.element.locator(".ranking .is-ranked").all()
    return [await row.get_attribute("data-option") for row in rows]


async def choice_of_vote(widget: WidgetOnPage, button: str = "Vote") -> Any:
    """What the service says that the vote counted as."""
    async with widget.page.expect_response(lambda answer: answer.url.endswith("/votes")) as answered:
        await widget.button(button).click()
    return (await (await answered.value).json())["choice"]


async def test_pressing_in_order_ranks(service: Service, open_page: Open) -> None:
    """Options pressed one after the other are ranked in that order, the others not, and it can be changed."""
    _, widget = await a_ranking(service, open_page)
    for option in ("plum", "fig"):
        await widget.option(option).locator(".label").click()
    assert await choice_of_vote(widget) == ["plum", "fig"]
    await expect(widget.option("plum").get_by_text("Your place 1")).to_be_visible()
    await expect(widget.option("fig").get_by_text("Your place 2")).to_be_visible()
    await expect(widget.option("plum").locator(".votes")).to_have_text("1 first choice")
    await widget.button("Change my vote").click()
    assert await ranked_in(widget) == ["plum", "fig"]
    await widget.element.get_by_role("button", name="1. Take \u2068Plum\u2069 out of the ranking").click()
    assert await choice_of_vote(widget, "Save my change") == ["fig"]


async def test_nothing_ranked_is_no_vote(service: Service, open_page: Open) -> None:
    """An empty ranking is not sent; the reader is told what is missing."""
    _, widget = await a_ranking(service, open_page)
    await widget.button("Vote").click()
    await widget.said("Rank at least one answer first.")


async def test_the_keyboard_ranks(service: Service, open_page: Open) -> None:
    """Enter ranks, the arrows move, the focus stays on the option, and each move is said."""
    page, widget = await a_ranking(service, open_page)
    await widget.option("fig").locator(".place").focus()
    await page.keyboard.press("Enter")
    await widget.said("\u2068Fig\u2069: place 1 of 4")
    await widget.option("pear").locator(".place").focus()
    await page.keyboard.press("ArrowUp")
    await widget.said("\u2068Pear\u2069: place 2 of 4")
    await page.keyboard.press("ArrowUp")
    await expect(widget.option("pear").locator(".place")).to_be_focused()
    assert await ranked_in(widget) == ["pear", "fig"]
    await widget.option("fig").locator(".down").press("Space")
    await widget.said("\u2068Fig\u2069: not ranked")
    assert await ranked_in(widget) == ["pear"]


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
async def test_dragging_ranks(service: Service, open_page: Open, pointer: str) -> None:
    """A handle is dragged above the line and to the first place, by mouse and by finger."""
    page, widget = await a_ranking(service, open_page, has_touch=pointer == "touch")
    for option in ("fig", "lime"):
        await widget.option(option).locator(".label").click()
    start = await middle_of(widget, "pear", ".grip")
    end = await middle_of(widget, "fig", ".grip")
    drag = drag_with_mouse if pointer == "mouse" else drag_with_finger
    await drag(page, start, (end[0], end[1] - 12))
    assert await ranked_in(widget) == ["pear", "fig", "lime"]
    assert await choice_of_vote(widget) == ["pear", "fig", "lime"]


async def middle_of(widget: WidgetOnPage, option: str, part: str) -> tuple[float, float]:
    """Where to press."""
    box = await widget.option(option).locator(part).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def drag_with_mouse(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move in steps, let go."""
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move(*end, steps=8)
    await page.mouse.up()


async def drag_with_finger(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """The same as a touch screen reports it."""
    screen = await page.context.new_cdp_session(page)
    steps = [(start[0], start[1] + (end[1] - start[1]) * part / 8) for part in range(1, 9)]
    for kind, points in [
        ("touchStart", [start]),
        *(("touchMove", [point]) for point in steps),
        ("touchEnd", []),
    ]:
        touches = [{"x": x, "y": y} for x, y in points]
        await screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
