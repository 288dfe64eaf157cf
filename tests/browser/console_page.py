"""Page object of the operators' console."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Locator, Page, Response, expect

from tests.browser.axe import axe_violations
from tests.browser.conftest import Open, Service


class ConsolePage:
    """The console in one browser page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    async def sign_in(self, key: str) -> ConsolePage:
        """Sign in with the key and wait for the header."""
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        return self

    async def go(self, path: str) -> ConsolePage:
        """Open a view by its route, such as ``/polls/lunch``."""
        await self.page.evaluate("(path) => { location.hash = path }", path)
        return self

    def button(self, name: str) -> Locator:
        """Return a button by its exact text."""
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        """Return the open dialog."""
        return self.page.get_by_role("dialog")

    async def start_action(self, name: str) -> Locator:
        """Click the button of an action and return its dialog."""
        await self.page.locator(".actions").get_by_role("button", name=name, exact=True).click()
        return self.dialog()

    async def confirm(self, name: str) -> None:
        """Click the dialog's button and wait until the dialog closes."""
        await self.dialog().get_by_role("button", name=name, exact=True).click()
        await expect(self.dialog()).to_have_count(0)

    async def response_to(self, click: Locator, path: str, method: str) -> Response:
        """Click a button and return the response to its request."""
        async with self.page.expect_response(
            lambda response: path in response.url and response.request.method == method
        ) as expected:
            await click.click()
        return await expected.value

    async def expect_text(self, text: str) -> None:
        """Wait until the text is visible."""
        await expect(self.page.get_by_text(text).first).to_be_visible()

    async def overflow(self) -> int:
        """Return how many pixels the page is wider than the screen."""
        wider: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider

    async def axe_violations(self) -> list[str]:
        """Return the violations that axe finds."""
        return await axe_violations(self.page)


async def open_console(service: Service, open_page: Open, query: str = "", **context: Any) -> ConsolePage:
    """Open the console in a new browser context."""
    reader = await open_page(f"{service.url}/console{query}", **context)
    return ConsolePage(reader.page, service.url)


async def sign_in_operator(
    service: Service, open_page: Open, *, path: str = "", **context: Any
) -> ConsolePage:
    """Open the console with the admin key, at a view."""
    at = await open_console(service, open_page, **context)
    await at.sign_in(service.settings.admin_key or "")
    return await at.go(path) if path else at


async def create_key(service: Service, *scopes: str) -> str:
    """Create an API key with these scopes."""
    answer = await service.admin.post("/v1/admin/keys", json={"name": "limited", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key
