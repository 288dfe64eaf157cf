"""Fixtures that drive Chromium against a real service. Each page is checked for errors of its scripts.

Playwright's driver and Chromium take longer to start than most of these tests, so the folder shares one of
each. A test has its own browser contexts and a service with its own namespace. The driver runs on one event
loop, so these tests share the loop of the session. If the browser ends, the current test fails, and the next
test gets a new browser.
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

from tests.api.conftest import Service, own_service, serve, service, store
from tests.browser.widget_page import Reader
from tests.event_loops import run_on_session_loop

__all__ = ["Open", "Service", "own_service", "serve", "service", "store"]

# Without these, Chromium contacts servers of its vendor at every start and waits for them.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page of a routed URL has no network address, so Chromium would block its connections to this machine.
    "--disable-features=LocalNetworkAccessChecks",
)

Open = Callable[..., Awaitable[Reader]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the asynchronous tests of this folder on the loop of the session, where the browser runs."""
    run_on_session_loop(items, Path(__file__).parent)


def chromium() -> str:
    """Return the path of Chromium. Without it the test is skipped, or fails in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed, and in CI the browser tests must run.")
    if found is None:
        pytest.skip("Chromium is not installed (on Debian: apt install chromium).")
    return found


class Chromium:
    """The shared browser. It is started on demand, and again if it has ended."""

    def __init__(self, playwright: Playwright, executable: str) -> None:
        self._playwright = playwright
        self._executable = executable
        self._running: Browser | None = None

    async def running(self) -> Browser:
        """Return the running browser."""
        if self._running is None or not self._running.is_connected():
            self._running = await self._playwright.chromium.launch(
                executable_path=self._executable, args=list(ARGUMENTS)
            )
        return self._running

    async def close(self) -> None:
        """Close the browser if it runs."""
        if self._running is not None:
            await self._running.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared_chromium() -> AsyncIterator[Chromium]:
    """Return one driver and one browser for the folder."""
    executable = chromium()
    async with async_playwright() as playwright:
        shared = Chromium(playwright, executable)
        yield shared
        await shared.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(shared_chromium: Chromium) -> AsyncIterator[Browser]:
    """Return the browser without contexts of other tests. The test fails if it ends."""
    running = await shared_chromium.running()
    yield running
    assert running.is_connected(), "Chromium ended in the middle of this test"
    for left in list(running.contexts):
        await left.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Return a function that opens a URL in a new browser context.

    ``scripts`` run before those of each page. With ``clock`` the time of the pages runs normally and can be
    advanced: ``reader.page.clock.fast_forward(ms)``.
    """
    readers: list[Reader] = []

    async def open_in_new_context(
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

    yield open_in_new_context
    for reader in readers:
        await reader.page.context.close()
    assert [reader.errors for reader in readers if reader.errors] == [], "scripts failed on the page"
