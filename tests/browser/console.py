"""What an operator does at the console, and sees there."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Locator, Page, Response, expect

from tests.browser.axe import faults_of
from tests.browser.conftest import Open, Service


class AtConsole:
    """An operator with the console open."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    async def sign_in(self, key: str) -> AtConsole:
        """Type the key, and wait until the door is behind."""
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        return self

    async def go(self, place: str) -> AtConsole:
        """To a view by its address (``/polls/lunch``)."""
        await self.page.evaluate("(place) => { location.hash = place }", place)
        return self

    def button(self, name: str) -> Locator:
        """A button by its exact text."""
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        """The one that is open."""
        return self.page.get_by_role("dialog")

    async def act(self, name: str) -> Locator:
        """Press an act's button; its dialog, which says what it will do."""
        await self.page.locator(".acts").get_by_role("button", name=name, exact=True).click()
        return self.dialog()

    async def confirm(self, name: str) -> None:
        """Press the button in the dialog that does it, and wait until it is done."""
        await self.dialog().get_by_role("button", name=name, exact=True).click()
        await expect(self.dialog()).to_have_count(0)

    async def answered(self, click: Locator, path: str, method: str) -> Response:
        """Press a button; the service's answer to the request that it makes."""
        async with self.page.expect_response(
            lambda answer: path in answer.url and answer.request.method == method
        ) as response:
            await click.click()
        return await response.value

    async def sees(self, text: str) -> None:
        """The text is to be read somewhere."""
        await expect(self.page.get_by_text(text).first).to_be_visible()

    async def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        wider: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider

    async def faults(self) -> list[str]:
        """What axe finds."""
        return await faults_of(self.page)


async def console_of(service: Service, open_page: Open, query: str = "", **context: Any) -> AtConsole:
    """The console at its door, in a browser of its own."""
    reader = await open_page(f"{service.url}/console{query}", **context)
    return AtConsole(reader.page, service.url)


async def operator_of(service: Service, open_page: Open, *, place: str = "", **context: Any) -> AtConsole:
    """An operator who may do everything, signed in and at a view."""
    at = await console_of(service, open_page, **context)
    await at.sign_in(service.settings.admin_key or "")
    return await at.go(place) if place else at


async def key_with(service: Service, *scopes: str) -> str:
    """A new key that may do this and no more."""
    answer = await service.admin.post("/v1/admin/keys", json={"name": "desk", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key
