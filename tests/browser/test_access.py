"""axe finds nothing in the widget, whatever it shows: in light, in dark, from right to left, and enlarged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults_of
from tests.browser.conftest import Open, Service
from tests.browser.reader import WidgetOnPage
from tests.browser.screenshots_widget import KINDS, SINGLE, choose_in, made, show

LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "viewport": {"width": 320, "height": 640}, "forced_colors": "active"},
]
Stage = Callable[[Service, Page, str], Awaitable[list[WidgetOnPage]]]


async def asking(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Every kind while votes are taken, with a choice made."""
    widgets = await show(service, page, [await made(service, kind, 2) for kind in KINDS], lang)
    await choose_in(widgets)
    return widgets


async def voted(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Every kind, voted in."""
    widgets = await asking(service, page, lang)
    for widget in widgets:
        await widget.element.locator(".primary").click()
        await widget.element.locator(".is-own-vote").first.wait_for()
    return widgets


async def not_voting(service: Service, page: Page, lang: str) -> list[WidgetOnPage]:
    """Before the window, with hidden totals, closed, full, canceled and unknown."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    full = [{"id": "a", "label": "A", "capacity": 1}, {"id": "b", "label": "B"}]
    polls = [
        await made(service, SINGLE, 0, opens_at=later),
        await made(service, SINGLE, 2, results="after_close"),
        await made(service, SINGLE, 2),
        await made(service, SINGLE | {"options": full}, 4),
        await made(service, SINGLE, 1),
    ]
    await service.act(polls[2], "close")
    await service.act(polls[4], "cancel")
    return await show(service, page, polls, lang)


async def faults_in(page: Page, look: dict[str, Any]) -> list[str]:
    """What axe finds once the page looks like this, and whether anything is cut off at the side."""
    await page.emulate_media(
        color_scheme=look["color_scheme"],
        forced_colors=look.get("forced_colors", "none"),
        reduced_motion="reduce",
    )
    if "viewport" in look:
        await page.set_viewport_size(look["viewport"])
    found = await faults_of(page, "main")
    fits = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return found if fits else [*found, "the page is wider than the screen"]


@pytest.mark.parametrize(
    ("lang", "looks"),
    [
        pytest.param("en", LOOKS[:1], id="light"),
        pytest.param("en", LOOKS[1:], id="dark-and-forced-colors", marks=pytest.mark.slow),
        pytest.param("ar", LOOKS[:1], id="right-to-left", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("stage", [asking, voted, not_voting])
async def test_axe_finds_nothing(
    service: Service, open_page: Open, stage: Stage, lang: str, looks: list[dict[str, Any]]
) -> None:
    """No rule of WCAG 2.2 A or AA that a machine can check is broken in any state of the widget."""
    page = (await open_page("about:blank", reduced_motion="reduce")).page
    await stage(service, page, lang)
    assert [fault for look in looks for fault in await faults_in(page, look)] == []


@pytest.mark.parametrize(
    ("lang", "vote", "left"),
    [
        ("fr", "Voter", "ferme dans"),
        ("es-MX", "Votar", "cierra en"),
        ("ar", "صوّت", "يُغلق بعد"),
        ("sw", "Vote", "closes in"),
    ],
)
async def test_it_speaks_the_language_of_the_page(
    service: Service, open_page: Open, lang: str, vote: str, left: str
) -> None:
    """Texts are in the page's language where there are any, else in English; Arabic runs from the right."""
    page = (await open_page("about:blank")).page
    (widget,) = await show(service, page, [await made(service, SINGLE, 0)], lang)
    await expect(widget.button(vote)).to_be_visible()
    await expect(widget.element.locator(".clock")).to_contain_text(left)
    direction = await widget.element.locator(".poll").evaluate("(card) => getComputedStyle(card).direction")
    assert direction == ("rtl" if lang == "ar" else "ltr")


@pytest.mark.parametrize(("lang", "side"), [("ar", "right"), ("en", "left")])
async def test_a_question_of_the_other_direction_stands_above_its_answers(
    service: Service, open_page: Open, lang: str, side: str
) -> None:
    """A question in letters that run the other way than the page begins at the side where its answers do."""
    question = (
        "Where should the new tram line end, and when?"
        if lang == "ar"
        else "أين ينبغي أن ينتهي خط الترام الجديد؟"
    )
    page = (await open_page("about:blank", viewport={"width": 320, "height": 640})).page
    (widget,) = await show(service, page, [await made(service, SINGLE | {"question": question}, 0)], lang)
    text = widget.element.locator(".question")
    await expect(text).to_have_text(question)
    await expect(text).to_have_css("text-align", side)


async def test_bars_are_of_one_colour_where_colours_are_forced(service: Service, open_page: Open) -> None:
    """Where a reader forces colours no bar keeps one of ours, which may not be seen there."""
    page = (await open_page("about:blank", forced_colors="active", reduced_motion="reduce")).page
    (widget,) = await show(service, page, [await made(service, SINGLE, 3)], "en")
    await expect(widget.element.locator(".is-leading").first).to_be_visible()
    colours = await widget.element.locator(".bar").evaluate_all(
        "(bars) => [...new Set(bars.map((bar) => getComputedStyle(bar).backgroundColor))]"
    )
    assert len(colours) == 1
