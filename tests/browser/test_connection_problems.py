"""The widget with failing connections, on other origins and without browser storage."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, Route, expect
from pollwire_server.store import open_store

from tests.api.conftest import Serve, serving
from tests.browser.conftest import Open, Service
from tests.local_server import hosting
from tests.valkey import Valkey

README = Path(__file__).parents[2] / "README.md"
FORBID_STORAGE = """
Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });
"""


@pytest_asyncio.fixture(loop_scope="session")
async def service(own_service: Service) -> Service:
    """Return a service for one test alone: the tests use the same ids of polls."""
    return own_service


@asynccontextmanager
async def another_site(poll: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve a page of another origin with a strict policy.

    The caller adds the URL of the service to the list.
    """
    services: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        (url,) = services
        policy = readme_policy(url)
        page = (
            f"<!doctype html><html lang=en><title>An article elsewhere</title><p>Text.</p>"
            f'<script type="module" src="{url}/widget.js"></script><live-poll poll="{poll}"></live-poll>'
        )
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: {policy}\r\n"
        writer.write(f"{head}Content-Length: {len(page)}\r\nConnection: close\r\n\r\n{page}".encode())
        await writer.drain()

    async with hosting(answer) as url:
        yield url, services


def readme_policy(url: str) -> str:
    """Return the content security policy that the README recommends, for the service at this URL."""
    (policy,) = re.findall(r"^Content-Security-Policy: (.+)$", README.read_text("utf-8"), re.MULTILINE)
    assert policy.startswith("default-src 'self'; ")
    named = policy.replace("wss://polls.example", url.replace("http", "ws", 1))
    return str(named.replace("https://polls.example", url))


async def voter_count(service: Service, poll: str) -> int:
    """Return the number of voters in the results."""
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    return int(results["voters"])


async def test_widget_on_another_origin_votes_under_strict_csp(serve: Serve, open_page: Open) -> None:
    """The page has only the two lines of the README."""
    poll = f"elsewhere-{secrets.token_hex(4)}"
    async with another_site(poll) as (origin, services), serve(allowed_origins=(origin,)) as service:
        services.append(service.url)
        await service.create_poll(id=poll)
        reader = await open_page(f"{origin}/article")
        widget = reader.poll(poll)
        assert (await widget.vote("rice")).status == 200
        await widget.expect_votes("rice", "1 vote")
        await widget.expect_text("Live")
        display = "getComputedStyle(document.querySelector('live-poll')).containerType"
        assert await reader.page.evaluate(display) == "inline-size"
        await reader.page.reload()
        await widget.expect_own_vote("rice")
        leaked = "Object.keys(window).filter((name) => /poll|wire|widget/i.test(name))"
        assert await reader.page.evaluate(leaked) == []


async def test_widget_votes_from_an_origin_that_only_its_poll_allows(serve: Serve, open_page: Open) -> None:
    """The page gets a token, a stream and a ticket, and sees the results after the vote."""
    poll = f"elsewhere-{secrets.token_hex(4)}"
    async with another_site(poll) as (origin, services), serve() as service:
        services.append(service.url)
        await service.create_poll(id=poll, origins=[origin], results="after_vote")
        widget = (await open_page(f"{origin}/article")).poll(poll)
        await widget.expect_text("Live")
        assert (await widget.vote("rice")).status == 200
        await widget.expect_votes("rice", "1 vote")


async def test_vote_without_browser_storage_counts_and_can_be_changed(
    service: Service, open_page: Open
) -> None:
    """The voter token lasts as long as the page."""
    poll = (await service.create_poll(revote="change"))["id"]
    reader = await open_page(f"{service.url}/polls/{poll}", scripts=(FORBID_STORAGE,))
    widget = reader.poll(poll)
    await widget.vote("rice")
    await widget.expect_own_vote("rice")
    await widget.button("Change my vote").click()
    await widget.choose("yam")
    await widget.button("Save my change").click()
    await widget.expect_own_vote("yam")
    assert await voter_count(service, poll) == 1


async def test_vote_during_store_outage_is_retried_and_counted_once(
    own_valkey: Valkey, open_page: Open
) -> None:
    store = await open_store(own_valkey.url, namespace=f"t{secrets.token_hex(4)}")
    async with serving(store, own_valkey.url) as service:
        poll = (await service.create_poll())["id"]
        widget = (await open_page(f"{service.url}/polls/{poll}")).poll(poll)
        await widget.expect_votes("rice", "0 votes")
        await widget.choose("rice")
        with own_valkey.away():
            await widget.button("Vote").click()
            await widget.expect_announcement(
                "Connection lost. Your vote is saved and will be sent automatically…", within_s=10
            )
        await widget.expect_announcement("Thank you. Your vote is counted.", within_s=20)
        await widget.expect_own_vote("rice")
        await widget.expect_votes("rice", "1 vote", within_s=10)
        assert await voter_count(service, poll) == 1
    await store.close()


async def test_vote_with_lost_response_is_retried_and_counted_once(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(identity="open"))["id"]
    reader = await open_page(f"{service.url}/polls/{poll}")
    lost: list[str] = []

    async def lose_the_first_answer(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append(route.request.url)
        await route.fetch()
        await route.abort("connectionreset")

    await reader.page.route("**/votes", lose_the_first_answer)
    widget = reader.poll(poll)
    await widget.choose("yam")
    await widget.button("Vote").click()
    await widget.expect_own_vote("yam")
    assert await voter_count(service, poll) == 1


async def test_blocked_websockets_fall_back_to_server_sent_events(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")
    await block_websockets(reader.page)
    async with reader.page.expect_request("**/v1/events?*"):
        await reader.page.goto(f"{service.url}/polls/{poll}")
    widget = reader.poll(poll)
    await expect(reader.page.locator("#connection")).to_have_text("Live", timeout=10_000)
    await service.vote(poll, "yam", await service.voter())
    await widget.expect_votes("yam", "1 vote")


async def test_blocked_websockets_and_events_fall_back_to_polling(service: Service, open_page: Open) -> None:
    """The page shows that updates take a few seconds."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank", clock=True)
    await block_websockets(reader.page)
    await reader.page.route("**/v1/events?*", lambda route: route.abort())
    await reader.page.goto(f"{service.url}/polls/{poll}")
    await expect(reader.page.locator("#connection")).to_have_text("Updates every few seconds", timeout=10_000)
    await service.vote(poll, "yam", await service.voter())
    await reader.page.clock.fast_forward(5_000)
    await reader.poll(poll).expect_votes("yam", "1 vote", within_s=8)


async def block_websockets(page: Page) -> None:
    """Make every WebSocket of the page fail, like a proxy without WebSocket support."""
    await page.add_init_script(
        "window.WebSocket = class { static OPEN = 1; close() {} "
        "constructor() { setTimeout(() => this.onclose?.({}), 20); } };"
    )


async def test_page_reconnects_after_a_restart_and_is_up_to_date(
    serve: Serve, service: Service, open_page: Open
) -> None:
    async with serve() as first:
        poll = (await first.create_poll())["id"]
        reader = await open_page(f"{first.url}/polls/{poll}")
        await expect(reader.page.locator("#connection")).to_have_text("Live")
        port = int(first.url.rsplit(":", 1)[1])
    await expect(reader.page.locator("#connection")).not_to_have_text("Live")
    await service.vote(poll, "rice", await service.voter())  # over another worker, meanwhile
    async with serve(port=port, secret=first.settings.secret):
        await expect(reader.page.locator("#connection")).to_have_text("Live", timeout=20_000)
        await reader.poll(poll).expect_votes("rice", "1 vote")


async def test_disallowed_origin_shows_error_and_warns_on_the_console(serve: Serve, open_page: Open) -> None:
    """The warning names the setting."""
    async with another_site("lunch") as (origin, services), serve() as service:
        services.append(service.url)
        await service.create_poll(id="lunch")
        reader = await open_page("about:blank")
        async with reader.page.expect_console_message(lambda message: message.type == "warning") as warned:
            await reader.page.goto(f"{origin}/article")
        await reader.poll("lunch").expect_text("This site isn’t allowed to show this poll.")
        warning = (await warned.value).text
        assert "POLLWIRE_ALLOWED_ORIGINS" in warning
        assert origin in warning
