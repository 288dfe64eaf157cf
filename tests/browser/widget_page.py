"""Page objects of the widget. Shadow roots are open, so locators reach into them."""

from __future__ import annotations

from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, Response, expect

OBSERVE_STREAM = (
    "addEventListener('poll-change', ({ detail }) => { window.hasStream = detail.results !== null; });"
)
"""Script of the page that records whether the stream of its widget has started."""
BAR_GROWTH = """([host, option]) => new Promise((resolve) => {
  const root = document.querySelector(host).shadowRoot;
  const bar = root.querySelector(`[data-option="${option}"] .bar`);
  const before = bar.getBoundingClientRect().right;
  const check = () => {
    if (bar.getBoundingClientRect().right - before > 2) resolve(performance.timeOrigin + performance.now());
    else requestAnimationFrame(check);
  };
  check();
})"""
"""Resolves with the time (ms since the epoch) at which the bar of an option has grown."""


class Reader:
    """A browser page of one reader, with its script errors."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("crash", lambda _: self.errors.append("the page crashed"))
        page.on("console", self._record_csp_violation)

    def _record_csp_violation(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            self.errors.append(message.text)

    def poll(self, poll_id: str) -> WidgetOnPage:
        """Return the widget of this poll."""
        return WidgetOnPage(self.page, f'live-poll[poll="{poll_id}"]')


class WidgetOnPage:
    """A ``<live-poll>`` element on a page."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.host = host
        self.element = page.locator(host)

    def option(self, option: str) -> Locator:
        """Return the row of an option."""
        return self.element.locator(f'[data-option="{option}"]')

    def input(self, option: str) -> Locator:
        """Return the radio button or check box of an option."""
        return self.option(option).locator("input")

    def button(self, name: str) -> Locator:
        """Return a button by its exact text."""
        return self.element.get_by_role("button", name=name, exact=True)

    async def choose(self, option: str) -> None:
        """Click the row of the option."""
        await self.option(option).click()

    async def vote(self, option: str) -> Response:
        """Choose the option, send the vote, and return the response."""
        await self.choose(option)
        async with self.page.expect_response(lambda answer: answer.url.endswith("/votes")) as answered:
            await self.button("Vote").click()
        return await answered.value

    async def wait_for_bar_growth(self, option: str) -> Any:
        """Wait until the bar of the option has grown, and return the time in ms since the epoch."""
        return await self.page.evaluate(BAR_GROWTH, [self.host, option])

    async def wait_for_stream(self) -> None:
        """Wait until the stream has started. The page needs the script ``OBSERVE_STREAM``."""
        await self.page.wait_for_function("() => window.hasStream")

    async def expect_text(self, text: str, within_s: float = 5.0) -> None:
        """Wait until the text is visible in the widget."""
        await expect(self.element.get_by_text(text, exact=True).first).to_be_visible(timeout=within_s * 1000)

    async def expect_votes(self, option: str, votes: str, within_s: float = 5.0) -> None:
        """Wait until the option shows this text for its votes, such as ``2 votes``."""
        row = self.option(option).locator(".votes")
        await expect(row).to_have_text(votes, timeout=within_s * 1000)

    async def expect_own_vote(self, option: str) -> None:
        """Wait until the option is marked as the own vote."""
        await expect(self.option(option).get_by_text("Your vote", exact=True)).to_be_visible()

    async def expect_announcement(self, text: str, within_s: float = 5.0) -> None:
        """Wait until the live region for screen readers has this text."""
        region = self.element.locator("[aria-live=polite]")
        await expect(region).to_have_text(text, timeout=within_s * 1000)
