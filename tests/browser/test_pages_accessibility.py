"""Accessibility of every page: axe, zoom, print and languages."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.axe import axe_violations
from tests.browser.conftest import Open, Service
from tests.browser.test_live_page import BRIDGES, cast_votes

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 700}},
}
ANIMATIONS_ENDED = """() => {
  const endless = ({ effect }) => effect.getComputedTiming().endTime === Infinity;
  const over = (one) => one.playState !== 'running' || endless(one);
  const widgets = [...document.querySelectorAll('live-poll')].map((host) => host.shadowRoot);
  return [document, ...widgets].every((root) => root.getAnimations().every(over));
}"""
"""True if all finite animations have ended. axe would measure colours within an animation."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_with_polls(service: Service) -> Service:
    """Return a service with a poll for each state that a page can show."""
    team = {"kind": "prediction", "options": [{"id": "npp", "label": "NPP"}, {"id": "ndc", "label": "NDC"}]}
    await service.create_poll(**team, id="ghana-2024-live")
    await service.create_poll(id="ranked", **BRIDGES)
    await cast_votes(service, "ranked", ["heron", "mill"], ["mill"], ["skyway", "mill"])
    await service.create_poll(id="single", description="Cooked together on Friday.", revote="change")
    await cast_votes(service, "single", "yam", "yam", "rice")
    await service.create_poll(id="hidden", results="after_close")
    await service.create_poll(id="ended")
    await cast_votes(service, "ended", "yam")
    await service.act("ended", "close")
    await service.act("ended", "archive")
    return service


async def wait_until_settled(page: Page) -> None:
    """Wait until the widgets are drawn and all finite animations have ended."""
    await page.wait_for_load_state("networkidle")
    for widget in await page.locator("live-poll:visible").all():
        await expect(widget.locator(".poll")).to_be_visible()
    await page.wait_for_function(ANIMATIONS_ENDED)


async def violations_in(page: Page, appearance: dict[str, Any]) -> list[str]:
    """Return the axe violations in this look."""
    await page.emulate_media(color_scheme=appearance["color_scheme"], reduced_motion="reduce")
    if "viewport" in appearance:
        await page.set_viewport_size(appearance["viewport"])
    await wait_until_settled(page)
    return await axe_violations(page)


@pytest.mark.parametrize(
    ("locale", "appearances"),
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
async def test_every_page_passes_axe(
    service_with_polls: Service, open_page: Open, path: str, locale: str, appearances: tuple[str, ...]
) -> None:
    """Rules: WCAG 2.2 AA and good practice, as far as a program can check them."""
    page = (await open_page(f"{service_with_polls.url}{path}", reduced_motion="reduce", locale=locale)).page
    await wait_until_settled(page)
    if path == "/polls/single":
        await page.locator("#show-points").click()
    found = {appearance: await violations_in(page, LOOKS[appearance]) for appearance in appearances}
    assert found == {appearance: [] for appearance in appearances}


@pytest.mark.parametrize("path", ["/", "/polls/single", "/polls/ranked", "/polls/nothing"])
async def test_page_at_200_percent_zoom_does_not_overflow(
    service_with_polls: Service, open_page: Open, path: str
) -> None:
    """WCAG 1.4.4, on a small laptop."""
    zoomed = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2, "reduced_motion": "reduce"}
    page = (await open_page(f"{service_with_polls.url}{path}", **zoomed)).page
    await wait_until_settled(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_printed_page_has_both_tables_and_no_controls(
    service_with_polls: Service, open_page: Open
) -> None:
    page = (await open_page(f"{service_with_polls.url}/polls/single", reduced_motion="reduce")).page
    await wait_until_settled(page)
    await page.emulate_media(media="print")
    await expect(page.locator("#totals")).to_be_visible()
    box = await page.locator("#points table").bounding_box()
    assert box is not None
    assert box["width"] > 300
    for hidden in (".qr-code", ".embed", ".site-header nav", "#history-tools"):
        await expect(page.locator(hidden)).to_be_hidden()


async def test_home_page_shows_a_poll_if_the_demo_polls_exist(own_service: Service, open_page: Open) -> None:
    """Without them it shows an illustration."""
    page = (await open_page(f"{own_service.url}/")).page
    await expect(page.locator("#illustration")).to_be_visible()
    await own_service.create_poll(id="ghana-2024-live")
    page = (await open_page(f"{own_service.url}/")).page
    await expect(page.locator("#illustration")).to_be_hidden()
    await expect(page.locator("#demo-poll").get_by_role("button", name="Vote", exact=True)).to_be_visible()
    await expect(page.locator(".code")).to_contain_text(f'src="{own_service.url}/widget.js"')


@pytest.mark.parametrize(("query", "heading"), [("?lang=fr", "Interrogez"), ("?lang=es", "Pregunte")])
async def test_lang_parameter_overrides_accept_language(service: Service, query: str, heading: str) -> None:
    answer = await service.http.get(f"/{query}", headers={"Accept-Language": "ar"})
    assert heading in answer.text
    assert f'<html lang="{query[-2:]}" dir="ltr">' in answer.text
    assert "Accept-Language" in answer.headers["vary"]
