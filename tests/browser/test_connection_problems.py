"""The widget on bad lines, in other sites' pages and in browsers that forbid things: a vote counts once."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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


@asynccontextmanager
async def another_site(poll: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A site on another origin whose strict policy names the service (put into the list before use)."""
    services: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        (url,) = services
        policy = policy_of_the_readme(url)
        page = (
            f"<!doctype html><html lang=en><title>An article elsewhere</title><p>Text.</p>"
            f'<script type="module" src="{url}/widget.js"></script><live-poll poll="{poll}"></live-poll>'
        )
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: {policy}\r\n"
        writer.write(f"{head}Content-Length: {len(page)}\r\nConnection: close\r\n\r\n{page}".encode())
        await writer.drain()

    async with hosting(answer) as url:
        yield url, services


def policy_of_the_readme(url: str) -> str:
    """What the README tells a page with a strict policy to allow, for the service at this address."""
    (policy,) = re.findall(r"^Content-Security-Policy: (.+)$", README.read_text("utf-8"), re.MULTILINE)
    assert policy.startswith("default-src 'self'; ")
    named = policy.replace("wss://polls.example", url.replace("http", "ws", 1))
    return str(named.replace("https://polls.example", url))


async def voters_of(service: Service, poll: str) -> int:
    """How many voters the service counts."""
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    return int(results["voters"])


async def test_the_widget_votes_from_another_origin(serve: Serve, open_page: Open) -> None:
    """Two lines in a page of another origin, under a strict policy, show the poll styled and take a vote."""
    poll = f"elsewhere-{secrets.token_hex(4)}"
    async with another_site(poll) as (origin, services), serve(allowed_origins=(origin,)) as service:
        services.append(service.url)
        await service.create_poll(id=poll)
        reader = await open_page(f"{origin}/article")
        widget = reader.poll(poll)
        assert (await widget.vote("rice")).status == 200
        await widget.shows_votes("rice", "1 vote")
        await widget.shows("Live")
        display = "getComputedStyle(document.querySelector('live-poll')).containerType"
        assert await reader.page.evaluate(display) == "inline-size"
        await reader.page.reload()
        await widget.marks_as_mine("rice")
        leaked = "Object.keys(window).filter((name) => /poll|wire|widget/i.test(name))"
        assert await reader.page.evaluate(leaked) == []


async def test_the_widget_votes_from_a_site_that_its_poll_alone_allows(serve: Serve, open_page: Open) -> None:
    """Its page gets token, socket and ticket for the poll's sake, and sees totals for having voted."""
    poll = f"elsewhere-{secrets.token_hex(4)}"
    async with another_site(poll) as (origin, services), serve() as service:
        services.append(service.url)
        await service.create_poll(id=poll, origins=[origin], results="after_vote")
        widget = (await open_page(f"{origin}/article")).poll(poll)
        await widget.shows("Live")
        assert (await widget.vote("rice")).status == 200
        await widget.shows_votes("rice", "1 vote")


async def test_without_storage_a_vote_counts_all_the_same(service: Service, open_page: Open) -> None:
    """Where the browser forbids storage the voter lasts as long as the page, and can vote and change."""
    poll = (await service.create_poll(revote="change"))["id"]
    reader = await open_page(f"{service.url}/polls/{poll}", scripts=(FORBID_STORAGE,))
    widget = reader.poll(poll)
    await widget.vote("rice")
    await widget.marks_as_mine("rice")
    await widget.button("Change my vote").click()
    await widget.choose("yam")
    await widget.button("Save my change").click()
    await widget.marks_as_mine("yam")
    assert await voters_of(service, poll) == 1


async def test_a_vote_outlives_an_outage_of_the_store(own_valkey: Valkey, open_page: Open) -> None:
    """With the store away the reader is told that the vote is kept; back again, it is counted once."""
    store = await open_store(own_valkey.url, namespace=f"t{secrets.token_hex(4)}")
    async with serving(store, own_valkey.url) as service:
        poll = (await service.create_poll())["id"]
        widget = (await open_page(f"{service.url}/polls/{poll}")).poll(poll)
        await widget.shows_votes("rice", "0 votes")
        await widget.choose("rice")
        with own_valkey.away():
            await widget.button("Vote").click()
            await widget.said(
                "Connection lost. Your vote is saved and will be sent automatically…", within_s=10
            )
        await widget.said("Thank you. Your vote is counted.", within_s=20)
        await widget.marks_as_mine("rice")
        await widget.shows_votes("rice", "1 vote", within_s=10)
        assert await voters_of(service, poll) == 1
    await store.close()


async def test_a_vote_whose_answer_was_lost_counts_once(service: Service, open_page: Open) -> None:
    """The vote arrives, its answer does not: it is sent again by itself, and one vote is counted."""
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
    await widget.marks_as_mine("yam")
    assert await voters_of(service, poll) == 1


async def test_events_take_over_where_sockets_are_blocked(service: Service, open_page: Open) -> None:
    """A line that lets no socket through still brings results, pushed as events."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")
    await block_sockets(reader.page)
    async with reader.page.expect_request("**/v1/events?*"):
        await reader.page.goto(f"{service.url}/polls/{poll}")
    widget = reader.poll(poll)
    await expect(reader.page.locator("#connection")).to_have_text("Live", timeout=10_000)
    await service.vote(poll, "yam", await service.voter())
    await widget.shows_votes("yam", "1 vote")


async def test_polling_takes_over_where_nothing_can_be_pushed(service: Service, open_page: Open) -> None:
    """Without sockets and events the page reads every few seconds, and says so."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank", clock=True)
    await block_sockets(reader.page)
    await reader.page.route("**/v1/events?*", lambda route: route.abort())
    await reader.page.goto(f"{service.url}/polls/{poll}")
    await expect(reader.page.locator("#connection")).to_have_text("Updates every few seconds", timeout=10_000)
    await service.vote(poll, "yam", await service.voter())
    await reader.page.clock.fast_forward(5_000)
    await reader.poll(poll).shows_votes("yam", "1 vote", within_s=8)


async def block_sockets(page: Page) -> None:
    """Every WebSocket of the page is refused, as a proxy that knows none would."""
    await page.add_init_script(
        "window.WebSocket = class { static OPEN = 1; close() {} "
        "constructor() { setTimeout(() => this.onclose?.({}), 20); } };"
    )


async def test_the_page_comes_back_after_a_restart(serve: Serve, service: Service, open_page: Open) -> None:
    """A page that lost the service says so, comes back by itself, and is up to date."""
    async with serve() as first:
        poll = (await first.create_poll())["id"]
        reader = await open_page(f"{first.url}/polls/{poll}")
        await expect(reader.page.locator("#connection")).to_have_text("Live")
        port = int(first.url.rsplit(":", 1)[1])
    await expect(reader.page.locator("#connection")).not_to_have_text("Live")
    await service.vote(poll, "rice", await service.voter())  # over another worker, meanwhile
    async with serve(port=port, secret=first.settings.secret):
        await expect(reader.page.locator("#connection")).to_have_text("Live", timeout=20_000)
        await reader.poll(poll).shows_votes("rice", "1 vote")


async def test_a_site_that_is_not_allowed_is_told_so(serve: Serve, open_page: Open) -> None:
    """A page of a site that nobody allowed says so at once, and the console names the setting."""
    async with another_site("lunch") as (origin, services), serve() as service:
        services.append(service.url)
        await service.create_poll(id="lunch")
        reader = await open_page("about:blank")
        async with reader.page.expect_console_message(lambda said: said.type == "warning") as warned:
            await reader.page.goto(f"{origin}/article")
        await reader.poll("lunch").shows("This site isn’t allowed to show this poll.")
        warning = (await warned.value).text
        assert "POLLWIRE_ALLOWED_ORIGINS" in warning
        assert origin in warning
