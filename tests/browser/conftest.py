"""Debian's Chromium, driven against a real service: every page a reader opens is watched for errors."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.api.conftest import Service, serve, service
from tests.browser.reader import Reader

__all__ = ["Open", "Service", "serve", "service"]

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


def chromium() -> str:
    """Where Chromium is; without it a test is skipped, or in CI fails."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed, and in CI the browser tests must run.")
    if found is None:
        pytest.skip("Chromium is not installed (on Debian: apt install chromium).")
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own."""
    executable = chromium()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield launched
        await launched.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Open an address as another reader: a browser profile of its own, which has never been here."""
    readers: list[Reader] = []

    async def opened(url: str, *, scripts: tuple[str, ...] = (), **context: Any) -> Reader:
        profile = await browser.new_context(**context)
        for script in scripts:
            await profile.add_init_script(script)
        reader = Reader(await profile.new_page())
        readers.append(reader)
        await reader.page.goto(url)
        return reader

    yield opened
    for reader in readers:
        assert reader.errors == [], "scripts failed on the page"
        await reader.page.context.close()
