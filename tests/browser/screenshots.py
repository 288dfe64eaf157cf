"""Command that updates ``docs/screens``: ``make screens``, or ``make screens SCREENS="widget live"``.

A shot is a coroutine that creates its polls in a new service and prepares the page. The shots are in
``screenshots_*.py`` and register themselves with a decorator.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from pollwire_server.store import open_store

from tests.api.conftest import Service, serving
from tests.browser.conftest import ARGUMENTS, chromium
from tests.browser.screenshot_camera import SHOTS
from tests.valkey import running_valkey

FOLDER = Path(__file__).parents[2] / "docs" / "screens"


async def take(browser: Browser, service: Service, name: str) -> None:
    """Take one full-page screenshot."""
    stage, settings = SHOTS[name]
    context = await browser.new_context(**settings)
    page = await context.new_page()
    await stage(service, page)
    await page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    await context.close()


async def main(wanted: list[str]) -> None:
    """Take the screenshots whose names start with one of the prefixes, or all without prefixes."""
    for module in sorted(Path(__file__).parent.glob("screenshots_*.py")):
        importlib.import_module(f"tests.browser.{module.stem}")
    names = [name for name in SHOTS if not wanted or name.startswith(tuple(wanted))]
    with running_valkey() as valkey:
        for name in names:
            store = await open_store(valkey.url, namespace=f"s{secrets.token_hex(4)}")
            async with (
                serving(store, valkey.url) as service,
                async_playwright() as playwright,
            ):
                browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
                await take(browser, service, name)
                await browser.close()
            await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
