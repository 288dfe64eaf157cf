"""The ballot of forecasts: sliders that always sum to 100 %."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Open, Service
from tests.browser.test_ranking import send_and_get_choice
from tests.browser.widget_page import WidgetOnPage

FORECAST: dict[str, Any] = {
    "kind": "prediction",
    "forecast": True,
    "revote": "withdraw",
    "options": [{"id": name, "label": name.upper()} for name in ("npp", "ndc", "cpp")],
}


async def forecast_ballot(service: Service, open_page: Open) -> tuple[Page, WidgetOnPage]:
    """Open a page with a forecast, and wait for its sliders."""
    poll = (await service.create_poll(**FORECAST))["id"]
    reader = await open_page(f"{service.url}/embed/{poll}")
    widget = reader.poll(poll)
    await expect(widget.element.locator(".forecast .option")).to_have_count(3)
    return reader.page, widget


async def test_forecast_by_keyboard_is_cast_and_changed(service: Service, open_page: Open) -> None:
    page, widget = await forecast_ballot(service, open_page)
    sliders = widget.element.get_by_role("slider")
    await sliders.nth(0).focus()
    for key in ("Home", "PageUp", "PageUp", "PageUp", "PageUp", "PageUp", "ArrowUp", "Shift+ArrowUp"):
        await page.keyboard.press(key)
    await expect(sliders.nth(0)).to_have_attribute("aria-valuetext", "51.1%")
    assert sum([int(await sliders.nth(place).input_value()) for place in range(3)]) == 1000
    choice = await send_and_get_choice(widget)
    assert choice["npp"] == 0.511
    assert sum(choice.values()) == 1
    await expect(widget.option("npp").get_by_text("Your vote: 51.1%")).to_be_visible()
    await widget.button("Change my vote").click()
    await expect(sliders.nth(0)).to_have_value("511")
    await sliders.nth(1).focus()
    await page.keyboard.press("End")
    assert await send_and_get_choice(widget, "Save my change") == {"npp": 0.0, "ndc": 1.0, "cpp": 0.0}


async def test_mean_probability_decides_which_outcome_is_emphasized(
    service: Service, open_page: Open
) -> None:
    """More voters find NPP likeliest, but the mean probability of NDC is higher."""
    poll = (await service.create_poll(**FORECAST))["id"]
    for npp, ndc in ((0.51, 0.49), (0.51, 0.49), (0.02, 0.98)):
        forecast = {"npp": npp, "ndc": ndc, "cpp": 0.0}
        assert (await service.vote(poll, forecast, await service.voter())).status_code == 200
    page = (await open_page(f"{service.url}/polls/{poll}?screen")).page
    leading = page.locator("live-poll .is-leading")
    await expect(leading).to_have_count(1)
    await expect(leading).to_contain_text("NDC")
    await expect(page.locator("live-poll .share")).to_have_text(["34.7%", "65.3%", "0.0%"])
    await expect(page.locator("#totals tbody td:last-child")).to_have_text(["34.7%", "65.3%", "0.0%"])


async def test_frame_does_not_move_sliders(service: Service, open_page: Open) -> None:
    page, widget = await forecast_ballot(service, open_page)
    slider = widget.element.get_by_role("slider").nth(0)
    await slider.focus()
    await page.keyboard.press("End")
    poll = str(await widget.element.get_attribute("poll"))
    await service.vote(poll, {"npp": 0.2, "ndc": 0.3, "cpp": 0.5}, await service.voter())
    await expect(widget.element.locator(".voters")).to_have_text("1 voter")
    await expect(slider).to_have_value("1000")
