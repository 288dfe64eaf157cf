"""Accessibility of the console: axe, keyboard, phone, dark mode and right-to-left."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console_page import ConsolePage, open_console, sign_in_operator

WIDEST_WORD = "W" * 200
MARKUP = "<img src=x onerror=alert(1)>"
Scheme = Literal["light", "dark"]
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def violations_of_views(at: ConsolePage, poll: str, schemes: tuple[Scheme, ...]) -> list[str]:
    """Return axe violations and overflows of each view."""
    found: list[str] = []
    for place, ready in [
        ("/", ".polls tbody tr"),
        (f"/polls/{poll}", ".audit li"),
        (f"/polls/{poll}/edit", ".poll-form"),
        ("/keys", ".resource-list p, .resource-list table"),
        ("/issuers", ".resource-list p, .resource-list table"),
        ("/webhooks", ".resource-list p, .resource-list table"),
    ]:
        await at.go(place)
        await at.page.locator(ready).first.wait_for()
        for scheme in schemes:
            await at.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{place} {scheme} {fault}" for fault in await at.axe_violations()]
        found += [f"{place} is wider than the screen"] if await at.overflow() > 0 else []
    return found


@pytest.mark.parametrize(
    ("schemes", "context"),
    [
        pytest.param(("light", "dark"), {}, id="light and dark"),
        pytest.param(("light",), {"locale": "ar"}, id="right to left", marks=pytest.mark.slow),
        pytest.param(("light",), PHONE, id="phone", marks=pytest.mark.slow),
    ],
)
async def test_views_pass_axe_and_fit_the_screen(
    service: Service, open_page: Open, schemes: tuple[Scheme, ...], context: dict[str, Any]
) -> None:
    options = [
        {"id": "wide", "label": WIDEST_WORD},
        {"id": "markup", "label": "<img src=x onerror=alert(1)>"},
    ]
    poll = (await service.create_poll(identity="open", question=f"{WIDEST_WORD}?", options=options))["id"]
    for choice in ("wide", "markup", "wide"):
        await service.vote(poll, choice)
    at = await open_console(service, open_page, color_scheme=schemes[-1], reduced_motion="reduce", **context)
    assert await at.axe_violations() == []
    await at.page.locator("input[type=password]").fill(service.settings.admin_key or "")
    await at.page.keyboard.press("Enter")
    await at.page.locator("#main-menu a").first.wait_for()
    assert await violations_of_views(at, poll, schemes) == []


async def test_dialog_passes_axe_and_returns_focus(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}")
    await at.start_action("Reset")
    assert await at.axe_violations() == []
    await at.page.keyboard.press("Escape")
    await expect(at.dialog()).to_have_count(0)
    await expect(at.button("Reset")).to_be_focused()


async def tab_to(at: ConsolePage, name: str) -> None:
    """Press Tab until an element with this name has the focus."""
    focused = """() => { const it = document.activeElement;
      return it.labels?.[0]?.innerText || it.getAttribute('aria-label') || it.innerText || ''; }"""
    for _ in range(80):
        await at.page.keyboard.press("Tab")
        if str(await at.page.evaluate(focused)).startswith(name):
            return
    pytest.fail(f"Tab never comes to {name!r}.")


async def test_poll_is_created_and_closed_by_keyboard_alone(service: Service, open_page: Open) -> None:
    at = await open_console(service, open_page)
    keyboard = at.page.keyboard
    await expect(at.page.get_by_label("API key")).to_be_focused()
    await keyboard.type(service.settings.admin_key or "")
    await keyboard.press("Enter")
    await expect(at.page.get_by_role("heading", level=1)).to_be_focused()
    await tab_to(at, "New poll")
    await keyboard.press("Enter")
    await expect(at.page.get_by_role("heading", name="New poll")).to_be_focused()
    await tab_to(at, "Question")
    await keyboard.type("By keyboard?")
    await tab_to(at, "Option 1")
    await keyboard.type("Yes")
    await tab_to(at, "Option 2")
    await keyboard.type("No")
    await keyboard.press("Enter")
    await expect(at.page.get_by_role("heading", name="By keyboard?")).to_be_visible()
    await tab_to(at, "Close voting")
    await keyboard.press("Enter")
    await expect(at.dialog()).to_be_visible()
    await tab_to(at, "Close voting")
    await keyboard.press("Enter")
    await expect(at.page.locator(".poll-head .pill")).to_have_text("Closed")
