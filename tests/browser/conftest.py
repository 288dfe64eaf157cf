"""Debian's Chromium, driven against a real service: every page a reader opens is watched for errors.

To start Playwright's driver and a Chromium takes longer than most of these tests,
so the folder has one of each, and a test has what keeps it apart from the
others: browser profiles that have never been anywhere, and a service over a
namespace of its own. The driver lives on one event loop, therefore these tests
and what they start share that of the session. A browser that ends fails the
test that it ended in, and the next test is given a new one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from tests.api.conftest import Service, serve, store
from tests.api.conftest import own_service as service
from tests.browser.reader import Reader
from tests.loops import run_on_session_loop

__all__ = ["Open", "Service", "serve", "service", "store"]

# Without these Chromium looks for hosts of its maker at every start, and waits for them.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that a test makes up has no address: a socket to this machine would look like an intrusion.
    "--disable-features=LocalNetworkAccessChecks",
)

Open = Callable[..., Awaitable[Reader]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every asynchronous test of this folder runs on the session's loop, where the browser is."""
    run_on_session_loop(items, Path(__file__).parent)


def chromium() -> str:
    """Where Chromium is; without it a test is skipped, or in CI fails."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed, and in CI the browser tests must run.")
    if found is None:
        pytest.skip("Chromium is not installed (on Debian: apt install chromium).")
    return found


class Chromium:
    """The folder's one browser, started when it is first wanted, and again after it has ended."""

    def __init__(self, playwright: Playwright, executable: str) -> None:
        self._playwright = playwright
        self._executable = executable
        self._running: Browser | None = None

    async def running(self) -> Browser:
        """The browser, which answers."""
        if self._running is None or not self._running.is_connected():
            self._running = await self._playwright.chromium.launch(
                executable_path=self._executable, args=list(ARGUMENTS)
            )
        return self._running

    async def close(self) -> None:
        """End it, where it runs."""
        if self._running is not None:
            await self._running.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def one_chromium() -> AsyncIterator[Chromium]:
    """One driver and one browser for the whole folder."""
    executable = chromium()
    async with async_playwright() as playwright:
        shared = Chromium(playwright, executable)
        yield shared
        await shared.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(one_chromium: Chromium) -> AsyncIterator[Browser]:
    """The browser, with no profile of another test in it; it must outlive the test."""
    running = await one_chromium.running()
    yield running
    assert running.is_connected(), "Chromium ended in the middle of this test"
    for left in list(running.contexts):
        await left.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Open an address as another reader: a browser profile of its own, which has never been here.

    ``scripts`` run before those of each page. With ``clock`` the time of its pages goes on as it does,
    and can be put forward where a page waits: ``reader.page.clock.fast_forward(ms)``.
    """
    readers: list[Reader] = []

    async def opened(
        url: str, *, scripts: tuple[str, ...] = (), clock: bool = False, **context: Any
    ) -> Reader:
        profile = await browser.new_context(**context)
        if clock:
            await profile.clock.install()
        for script in scripts:
            await profile.add_init_script(script)
        reader = Reader(await profile.new_page())
        readers.append(reader)
        await reader.page.goto(url)
        return reader

    yield opened
    for reader in readers:
        await reader.page.context.close()
    assert [reader.errors for reader in readers if reader.errors] == [], "scripts failed on the page"
