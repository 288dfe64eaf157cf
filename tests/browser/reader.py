"""What a reader does on a page and sees there; shadow roots are open, so locators reach into the widget."""

from __future__ import annotations

from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, Response, expect

HEARS = "addEventListener('poll-change', ({ detail }) => { window.isTold = detail.results !== null; });"
"""A page's own script that notes whether its widget's stream has begun."""
MOVED = """([host, option]) => new Promise((resolve) => {
  const root = document.querySelector(host).shadowRoot;
  const bar = root.querySelector(`[data-option="${option}"] .bar`);
  const before = bar.getBoundingClientRect().right;
  const look = () => {
    if (bar.getBoundingClientRect().right - before > 2) resolve(performance.timeOrigin + performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
"""The moment (ms since the epoch) at which the bar of an option had visibly grown."""


class Reader:
    """One person with one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("crash", lambda _: self.errors.append("the page crashed"))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            self.errors.append(message.text)

    def poll(self, poll_id: str) -> WidgetOnPage:
        """The widget of this poll."""
        return WidgetOnPage(self.page, f'live-poll[poll="{poll_id}"]')


class WidgetOnPage:
    """A ``<live-poll>`` as its reader sees it."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.host = host
        self.element = page.locator(host)

    def option(self, option: str) -> Locator:
        """The row of an option."""
        return self.element.locator(f'[data-option="{option}"]')

    def input(self, option: str) -> Locator:
        """The radio button or check box of an option."""
        return self.option(option).locator("input")

    def button(self, name: str) -> Locator:
        """A button by its exact text."""
        return self.element.get_by_role("button", name=name, exact=True)

    async def choose(self, option: str) -> None:
        """Click somewhere on the option's row, as people do."""
        await self.option(option).click()

    async def vote(self, option: str) -> Response:
        """Choose, press the button, and wait for the service's answer."""
        await self.choose(option)
        async with self.page.expect_response(lambda answer: answer.url.endswith("/votes")) as answered:
            await self.button("Vote").click()
        return await answered.value

    async def bar_has_moved(self, option: str) -> Any:
        """Wait until the option's bar has visibly grown; the moment, in ms since the epoch."""
        return await self.page.evaluate(MOVED, [self.host, option])

    async def is_told(self) -> None:
        """The stream has begun (on a page with ``HEARS``): from here on the widget is told what changes."""
        await self.page.wait_for_function("() => window.isTold")

    async def shows(self, text: str, within_s: float = 5.0) -> None:
        """The text is to be read in the widget."""
        await expect(self.element.get_by_text(text, exact=True).first).to_be_visible(timeout=within_s * 1000)

    async def shows_votes(self, option: str, votes: str, within_s: float = 5.0) -> None:
        """The option has this many votes, in words (``2 votes``)."""
        row = self.option(option).locator(".votes")
        await expect(row).to_have_text(votes, timeout=within_s * 1000)

    async def marks_as_mine(self, option: str) -> None:
        """The option carries the words that say whose vote it is."""
        await expect(self.option(option).get_by_text("Your vote", exact=True)).to_be_visible()

    async def said(self, text: str, within_s: float = 5.0) -> None:
        """A screen reader was told."""
        region = self.element.locator("[aria-live=polite]")
        await expect(region).to_have_text(text, timeout=within_s * 1000)
