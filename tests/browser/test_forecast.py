"""The ballot of forecasts: sliders that always sum to 100 %."""

from __future__ import annotations

import re
from typing import Any

import pytest
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
    await expect(page.locator("#totals tbody td:nth-child(2)")).to_have_text(["34.7%", "65.3%", "0.0%"])


async def test_frame_does_not_move_sliders(service: Service, open_page: Open) -> None:
    page, widget = await forecast_ballot(service, open_page)
    slider = widget.element.get_by_role("slider").nth(0)
    await slider.focus()
    await page.keyboard.press("End")
    poll = str(await widget.element.get_attribute("poll"))
    await service.vote(poll, {"npp": 0.2, "ndc": 0.3, "cpp": 0.5}, await service.voter())
    await expect(widget.element.locator(".voters")).to_have_text("1 voter")
    await expect(slider).to_have_value("1000")


async def test_locked_outcome_keeps_its_probability(service: Service, open_page: Open) -> None:
    page, widget = await forecast_ballot(service, open_page)
    sliders = widget.element.get_by_role("slider")
    await widget.element.get_by_role("textbox", name="NDC, percent").fill("20")
    await page.keyboard.press("Enter")
    await widget.element.get_by_role("checkbox", name="Keep NDC as it is").check()
    await sliders.nth(0).focus()
    await page.keyboard.press("End")
    assert [int(await sliders.nth(place).input_value()) for place in range(3)] == [800, 200, 0]
    assert await send_and_get_choice(widget) == {"npp": 0.8, "ndc": 0.2, "cpp": 0.0}


@pytest.mark.parametrize(
    ("text", "percent"),
    [("70", "70.0%"), ("70%", "70.0%"), (".7", "70.0%"), ("7:3", "70.0%"), ("1 in 200", "0.5%")],
    ids=["number", "percent", "share", "odds", "frequency"],
)
async def test_number_field_accepts_usual_notations(
    service: Service, open_page: Open, text: str, percent: str
) -> None:
    page, widget = await forecast_ballot(service, open_page)
    field = widget.element.get_by_role("textbox", name="NPP, percent")
    await field.fill(text)
    await page.keyboard.press("Tab")
    await expect(field).to_have_value(percent)
    await expect(widget.element.get_by_role("slider").nth(0)).to_have_attribute("aria-valuetext", percent)


async def test_live_results_do_not_overwrite_a_number_that_is_typed(
    service: Service, open_page: Open
) -> None:
    page, widget = await forecast_ballot(service, open_page)
    poll = str(await widget.element.get_attribute("poll"))
    field = widget.element.get_by_role("textbox", name="NPP, percent")
    payoff = widget.element.locator("[data-option=npp] .payoff")
    await field.fill("6")
    forecast = {"npp": 0.5, "ndc": 0.3, "cpp": 0.2}
    await service.vote(poll, forecast, await service.voter())
    await expect(payoff).to_contain_text("against the crowd")
    await expect(field).to_have_value("6")
    await page.keyboard.press("End")
    await page.keyboard.type("0")
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("60.0%")


async def test_ballot_shows_payoff_and_results_show_crowd(service: Service, open_page: Open) -> None:
    page, widget = await forecast_ballot(service, open_page)
    poll = str(await widget.element.get_attribute("poll"))
    payoff = widget.element.locator("[data-option=npp] .payoff")
    await expect(payoff).to_have_text(re.compile(r"If this happens: .?0.? points"))
    for npp in (0.2, 0.6):
        forecast = {"npp": npp, "ndc": 0.3, "cpp": round(0.7 - npp, 2)}
        await service.vote(poll, forecast, await service.voter())
    await widget.element.get_by_role("textbox", name="NPP, percent").fill("60")
    await page.keyboard.press("Enter")
    # 100 (1 + ln 0.6 / ln 3) = 53.5, and 100 (ln 0.6 - (ln 0.2 + ln 0.6) / 2) = 54.9
    await expect(payoff).to_have_text(
        re.compile(r"If this happens: .?\+54.? points \(.?\+55.? against the crowd\)")
    )
    await send_and_get_choice(widget)
    row = widget.option("npp")
    await expect(row.locator(".crowd")).to_have_text(
        "Median 60.0%; half of the forecasts are from 20.0% to 60.0%."
    )
    band = await row.locator(".band").bounding_box()
    track = await row.locator(".track").bounding_box()
    assert band is not None
    assert track is not None
    assert band["x"] - track["x"] == pytest.approx(0.2 * track["width"], abs=1)
    assert band["width"] == pytest.approx(0.4 * track["width"], abs=1)
    await expect(row.locator(".median")).to_be_visible()


async def test_live_page_shows_mean_and_quartiles(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(**FORECAST))["id"]
    for npp in (0.2, 0.6):
        forecast = {"npp": npp, "ndc": 0.3, "cpp": round(0.7 - npp, 2)}
        await service.vote(poll, forecast, await service.voter())
    page = (await open_page(f"{service.url}/polls/{poll}")).page
    row = page.locator("#totals tbody tr").first
    await expect(row).to_have_text("NPP40.0%40.0%20.0%–60.0%")
    await expect(page.locator(".legend")).to_contain_text("NPP40.0%")
