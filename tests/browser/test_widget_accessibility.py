"""Accessibility of the widget: axe in light, dark, right-to-left and forced colours; languages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import axe_violations
from tests.browser.conftest import Open, Service
from tests.browser.screenshots_widget import KINDS, SINGLE, choose_in_each, create_poll, show_widgets
from tests.browser.test_forecast import FORECAST
from tests.browser.widget_page import WidgetOnPage

LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "viewport": {"width": 320, "height": 640}, "forced_colors": "active"},
]
Stage = Callable[[Service, Page, str], Awaitable[list[WidgetOnPage]]]


async def votable(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Show every kind of poll while it is open, with a choice made."""
    widgets = await show_widgets(service, page, [await create_poll(service, kind, 2) for kind in KINDS], lang)
    await choose_in_each(widgets)
    return widgets


async def voted(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Show every kind of poll after a vote."""
    widgets = await votable(service, page, lang)
    for widget in widgets:
        await widget.element.locator(".primary").click()
        await widget.element.locator(".is-own-vote").first.wait_for()
    return widgets


async def not_votable(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Show polls before opening, with hidden results, closed, full, canceled and unknown."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    full = [{"id": "a", "label": "A", "capacity": 1}, {"id": "b", "label": "B"}]
    polls = [
        await create_poll(service, SINGLE, 0, opens_at=later),
        await create_poll(service, SINGLE, 2, results="after_close"),
        await create_poll(service, SINGLE, 2),
        await create_poll(service, SINGLE | {"options": full}, 4),
        await create_poll(service, SINGLE, 1),
    ]
    await service.act(polls[2], "close")
    await service.act(polls[4], "cancel")
    return await show_widgets(service, page, polls, lang)


async def forecasts(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Show the ballot of a forecast, and its results with the crowd."""
    polls = [(await service.create_poll(**FORECAST))["id"] for _ in range(2)]
    for poll in polls:
        forecast = {"npp": 0.2, "ndc": 0.3, "cpp": 0.5}
        assert (await service.vote(poll, forecast, await service.voter())).status_code == 200
    await service.act(polls[1], "close")
    widgets = await show_widgets(service, page, polls, lang)
    await widgets[0].element.locator(".payoff").first.wait_for()
    await widgets[1].element.locator(".median").first.wait_for()
    return widgets


async def violations_in(page: Page, media: dict[str, Any]) -> list[str]:
    """Return the axe violations in this look, and whether the page overflows its width."""
    await page.emulate_media(
        color_scheme=media["color_scheme"],
        forced_colors=media.get("forced_colors", "none"),
        reduced_motion="reduce",
    )
    if "viewport" in media:
        await page.set_viewport_size(media["viewport"])
    found = await axe_violations(page, "main")
    fits = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return found if fits else [*found, "the page is wider than the screen"]


@pytest.mark.parametrize(
    ("lang", "media_settings"),
    [
        pytest.param("en", LOOKS[:1], id="light"),
        pytest.param("en", LOOKS[1:], id="dark-and-forced-colors", marks=pytest.mark.slow),
        pytest.param("ar", LOOKS[:1], id="right-to-left", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("stage", [votable, voted, not_votable, forecasts])
async def test_widget_in_every_state_passes_axe(
    service: Service, open_page: Open, stage: Stage, lang: str, media_settings: list[dict[str, Any]]
) -> None:
    """Rules: WCAG 2.2 A and AA, as far as a program can check them."""
    page = (await open_page("about:blank", reduced_motion="reduce")).page
    await stage(service, page, lang)
    assert [violation for media in media_settings for violation in await violations_in(page, media)] == []


@pytest.mark.parametrize(
    ("lang", "vote", "left"),
    [
        ("fr", "Voter", "ferme dans"),
        ("es-MX", "Votar", "cierra en"),
        ("ar", "صوّت", "يُغلق بعد"),
        ("sw", "Vote", "closes in"),
    ],
)
async def test_widget_uses_the_page_language_or_english(
    service: Service, open_page: Open, lang: str, vote: str, left: str
) -> None:
    page = (await open_page("about:blank")).page
    (widget,) = await show_widgets(service, page, [await create_poll(service, SINGLE, 0)], lang)
    await expect(widget.button(vote)).to_be_visible()
    await expect(widget.element.locator(".clock")).to_contain_text(left)
    direction = await widget.element.locator(".poll").evaluate("(card) => getComputedStyle(card).direction")
    assert direction == ("rtl" if lang == "ar" else "ltr")


@pytest.mark.parametrize(("lang", "side"), [("ar", "right"), ("en", "left")])
async def test_question_in_other_direction_aligns_with_options(
    service: Service, open_page: Open, lang: str, side: str
) -> None:
    question = (
        "Where should the new tram line end, and when?"
        if lang == "ar"
        else "أين ينبغي أن ينتهي خط الترام الجديد؟"
    )
    page = (await open_page("about:blank", viewport={"width": 320, "height": 640})).page
    (widget,) = await show_widgets(
        service, page, [await create_poll(service, SINGLE | {"question": question}, 0)], lang
    )
    text = widget.element.locator(".question")
    await expect(text).to_have_text(question)
    await expect(text).to_have_css("text-align", side)


async def test_bars_in_forced_colors_mode_have_one_color(service: Service, open_page: Open) -> None:
    page = (await open_page("about:blank", forced_colors="active", reduced_motion="reduce")).page
    (widget,) = await show_widgets(service, page, [await create_poll(service, SINGLE, 3)], "en")
    await expect(widget.element.locator(".is-leading").first).to_be_visible()
    colours = await widget.element.locator(".bar").evaluate_all(
        "(bars) => [...new Set(bars.map((bar) => getComputedStyle(bar).backgroundColor))]"
    )
    assert len(colours) == 1
