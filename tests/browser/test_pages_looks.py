"""Every page for everybody: what axe finds, in light, in dark and from right to left; and what is printed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults_of
from tests.browser.conftest import Open, Service
from tests.browser.test_live_page import BRIDGES, votes

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 700}},
}
STILL = """() => {
  const endless = ({ effect }) => effect.getComputedTiming().endTime === Infinity;
  const over = (one) => one.playState !== 'running' || endless(one);
  const widgets = [...document.querySelectorAll('live-poll')].map((host) => host.shadowRoot);
  return [document, ...widgets].every((root) => root.getAnimations().every(over));
}"""
"""Whether everything that moves and comes to an end has come to it: axe would measure it on its way."""


async def with_every_page(service: Service) -> None:
    """Polls of each sort that a page can show."""
    team = {"kind": "prediction", "options": [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}]}
    await service.create_poll(**team, id="ghana-2024-live")
    await service.create_poll(id="ranked", **BRIDGES)
    await votes(service, "ranked", ["heron", "mill"], ["mill"], ["skyway", "mill"])
    await service.create_poll(id="single", description="Cooked together on Friday.", revote="change")
    await votes(service, "single", "yam", "yam", "rice")
    await service.create_poll(id="hidden", results="after_close")
    await service.create_poll(id="ended")
    await votes(service, "ended", "yam")
    await service.act("ended", "close")
    await service.act("ended", "archive")


async def settled(page: Page) -> None:
    """Until the widgets of the page have been drawn, and nothing moves any longer."""
    await page.wait_for_load_state("networkidle")
    for widget in await page.locator("live-poll:visible").all():
        await expect(widget.locator(".poll")).to_be_visible()
    await page.wait_for_function(STILL)


async def faults_in(page: Page, look: dict[str, Any]) -> list[str]:
    """What axe finds once the page looks like this."""
    await page.emulate_media(color_scheme=look["color_scheme"], reduced_motion="reduce")
    if "viewport" in look:
        await page.set_viewport_size(look["viewport"])
    await settled(page)
    return await faults_of(page)


@pytest.mark.parametrize(
    ("locale", "looks"),
    [
        pytest.param("en-GB", ("light",), id="light"),
        pytest.param("en-GB", ("dark", "phone"), id="dark-and-phone", marks=pytest.mark.slow),
        pytest.param("ar", ("light",), id="right-to-left", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/demo",
        "/polls/single",
        "/polls/ranked",
        "/polls/hidden",
        "/polls/ended",
        "/polls/single?screen",
        "/polls/nothing",
        "/embed/single",
    ],
)
async def test_axe_finds_nothing(
    service: Service, open_page: Open, path: str, locale: str, looks: tuple[str, ...]
) -> None:
    """WCAG 2.2 AA and good practice, as far as a program can tell, in every look."""
    await with_every_page(service)
    page = (await open_page(f"{service.url}{path}", reduced_motion="reduce", locale=locale)).page
    await settled(page)
    if path == "/polls/single":
        await page.locator("#show-points").click()
    found = {look: await faults_in(page, LOOKS[look]) for look in looks}
    assert found == {look: [] for look in looks}


@pytest.mark.parametrize("path", ["/", "/polls/single", "/polls/ranked", "/polls/nothing"])
async def test_a_page_at_twice_the_size_loses_nothing(service: Service, open_page: Open, path: str) -> None:
    """At 200 % zoom of a small laptop nothing is cut off at the side (WCAG 1.4.4)."""
    await with_every_page(service)
    zoomed = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2, "reduced_motion": "reduce"}
    page = (await open_page(f"{service.url}{path}", **zoomed)).page
    await settled(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_what_is_printed_has_the_numbers(service: Service, open_page: Open) -> None:
    """On paper stand the chart and both tables, and nothing to press or to scan."""
    await with_every_page(service)
    page = (await open_page(f"{service.url}/polls/single", reduced_motion="reduce")).page
    await settled(page)
    await page.emulate_media(media="print")
    await expect(page.locator("#totals")).to_be_visible()
    box = await page.locator("#points table").bounding_box()
    assert box is not None
    assert box["width"] > 300
    for gone in (".qr-code", ".embed", ".site-header nav", "#history-tools"):
        await expect(page.locator(gone)).to_be_hidden()


async def test_the_home_page_is_live_where_there_is_a_demo(service: Service, open_page: Open) -> None:
    """With the demo's polls a vote can be cast on the home page; without, a picture stands there."""
    page = (await open_page(f"{service.url}/")).page
    await expect(page.locator("#illustration")).to_be_visible()
    await with_every_page(service)
    page = (await open_page(f"{service.url}/")).page
    await expect(page.locator("#illustration")).to_be_hidden()
    await expect(page.locator("#demo-poll").get_by_role("button", name="Vote", exact=True)).to_be_visible()
    await expect(page.locator(".code")).to_contain_text(f'src="{service.url}/widget.js"')


@pytest.mark.parametrize(("query", "heading"), [("?lang=fr", "Interrogez"), ("?lang=es", "Pregunte")])
async def test_a_link_can_name_a_language(service: Service, query: str, heading: str) -> None:
    """?lang= wins over the browser's own, and caches are told that the answer depends on both."""
    answer = await service.http.get(f"/{query}", headers={"Accept-Language": "ar"})
    assert heading in answer.text
    assert f'<html lang="{query[-2:]}" dir="ltr">' in answer.text
    assert "Accept-Language" in answer.headers["vary"]
