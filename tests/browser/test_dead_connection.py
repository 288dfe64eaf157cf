"""Connections that are dead although neither side has closed them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.freezing_proxy import freezing_proxy

NOTICED_WITHIN_MS = 30_000
NO_SOCKETS = "window.WebSocket = class { constructor() { throw new DOMException('no', 'SecurityError'); } };"


@pytest.mark.parametrize(
    ("scripts", "path"),
    [((), "/polls/{poll}"), ((), "/embed/{poll}"), ((NO_SOCKETS,), "/polls/{poll}")],
    ids=["socket of the live page", "socket of the embedded page", "event stream"],
)
async def test_page_says_within_30_s_that_its_connection_is_dead(
    service: Service, open_page: Open, scripts: tuple[str, ...], path: str
) -> None:
    poll = (await service.create_poll())["id"]
    async with freezing_proxy(service.url) as proxy:
        reader = await open_page(proxy.url + path.format(poll=poll), scripts=scripts, clock=True)
        live = reader.page.get_by_text("Live", exact=True).first
        await expect(live).to_be_visible(timeout=20_000)
        proxy.freeze()
        await reader.page.clock.fast_forward(NOTICED_WITHIN_MS)
        await expect(reader.page.get_by_text("Live", exact=True)).to_have_count(0)
        proxy.thaw()
        await reader.page.clock.fast_forward(NOTICED_WITHIN_MS)
        await expect(live).to_be_visible(timeout=20_000)
