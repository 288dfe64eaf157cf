"""The ballot of ranked polls, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Open, Service
from tests.browser.input_methods import ranking_of
from tests.browser.widget_page import WidgetOnPage

OPTIONS = [{"id": name, "label": name.title()} for name in ("fig", "lime", "plum", "pear")]
RANKED: dict[str, Any] = {"kind": "ranked", "options": OPTIONS, "revote": "withdraw"}


async def open_ranking(service: Service, open_page: Open, **context: Any) -> tuple[Page, WidgetOnPage]:
    """Open a page with a ranked poll and wait for its ballot."""
    poll = (await service.create_poll(**RANKED))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}", **context)
    widget = reader.poll(poll)
    await expect(widget.element.locator(".ranking .option")).to_have_count(4)
    return reader.page, widget


async def send_and_get_choice(widget: WidgetOnPage, button: str = "Vote") -> Any:
    """Press the button and return the choice in the response."""
    async with widget.page.expect_response(lambda answer: answer.url.endswith("/votes")) as answered:
        await widget.button(button).click()
    return (await (await answered.value).json())["choice"]


async def test_options_are_ranked_in_the_order_of_clicks(service: Service, open_page: Open) -> None:
    _, widget = await open_ranking(service, open_page)
    for option in ("plum", "fig"):
        await widget.option(option).locator(".label").click()
    assert await send_and_get_choice(widget) == ["plum", "fig"]
    await expect(widget.option("plum").get_by_text("You ranked this 1")).to_be_visible()
    await expect(widget.option("fig").get_by_text("You ranked this 2")).to_be_visible()
    await expect(widget.option("plum").locator(".votes")).to_have_text("1 first choice")
    await widget.button("Change my vote").click()
    assert await ranking_of(widget) == ["plum", "fig"]
    await widget.element.get_by_role("button", name="1. Remove \u2068Plum\u2069 from your ranking").click()
    assert await send_and_get_choice(widget, "Save my change") == ["fig"]


async def test_empty_ranking_is_not_sent_and_shows_an_error(service: Service, open_page: Open) -> None:
    _, widget = await open_ranking(service, open_page)
    await widget.button("Vote").click()
    await widget.expect_announcement("Rank at least one answer first.")


async def test_options_are_ranked_by_keyboard_with_announcements(service: Service, open_page: Open) -> None:
    """The focus stays on the option."""
    page, widget = await open_ranking(service, open_page)
    await widget.option("fig").locator(".place").focus()
    await page.keyboard.press("Enter")
    await widget.expect_announcement("\u2068Fig\u2069: ranked 1 of 4")
    await widget.option("pear").locator(".place").focus()
    await page.keyboard.press("ArrowUp")
    await widget.expect_announcement("\u2068Pear\u2069: ranked 2 of 4")
    await page.keyboard.press("ArrowUp")
    await expect(widget.option("pear").locator(".place")).to_be_focused()
    assert await ranking_of(widget) == ["pear", "fig"]
    await widget.option("fig").locator(".down").press("Space")
    await widget.expect_announcement("\u2068Fig\u2069: not ranked")
    assert await ranking_of(widget) == ["pear"]


async def test_widget_emphasizes_the_winner_not_the_most_first_preferences(
    service: Service, open_page: Open
) -> None:
    options = [{"id": name, "label": name.title()} for name in ("ada", "ben", "cy")]
    poll = (await service.create_poll(kind="ranked", identity="open", options=options))["id"]
    for ranking in [["ada"]] * 4 + [["ben"]] * 3 + [["cy", "ben"]] * 2:
        voted = await service.http.post(f"/v1/polls/{poll}/votes", json={"choice": ranking})
        assert voted.status_code == 200, voted.text
    await service.act(poll, "close")
    widget = (await open_page(f"{service.url}/embed/{poll}")).poll(poll)
    leading = widget.element.locator(".is-leading")
    await expect(leading).to_have_count(1)
    await expect(leading).to_contain_text("Ben")
