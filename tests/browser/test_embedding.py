"""Polls on other sites: iframes, oEmbed, link previews and QR codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.api.conftest import Serve
from tests.browser.conftest import Open, Service
from tests.local_server import hosting

PUBLIC = "https://polls.example"

ARTICLE = """<!doctype html><title>An article</title><iframe id="frame" src="{frame}" width="400" height="150"
title="A poll"></iframe><script>
  addEventListener('message', ({{ origin, source, data }}) => {{
    const frame = document.getElementById('frame');
    if (source !== frame.contentWindow || origin !== {origin!r} || data?.type !== 'pollwire:height') return;
    frame.height = data.height;
    frame.dataset.poll = data.poll;
  }});
</script>"""


@pytest_asyncio.fixture(loop_scope="session")
async def service(own_service: Service) -> Service:
    """Return a service for one test alone: the tests use the same ids of polls."""
    return own_service


@asynccontextmanager
async def another_site(body: str) -> AsyncIterator[str]:
    """Serve ``body`` at every URL of another origin."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = body.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + page)
        await writer.drain()

    async with hosting(answer) as url:
        yield url


async def test_iframe_page_posts_its_height_when_the_poll_grows(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(origins=["*"]))["id"]
    article = ARTICLE.format(frame=f"{service.url}/embed/{poll}", origin=service.url)
    async with another_site(article) as site:
        page = (await open_page(f"{site}/")).page
        frame = page.locator("#frame")
        await expect(frame).to_have_attribute("data-poll", poll)
        await page.wait_for_function("Number(document.getElementById('frame').height) > 200")
        first = int(await frame.get_attribute("height") or 0)
        options = [{"id": f"o{n}", "label": f"Option {n}"} for n in range(8)]
        edit = await service.admin.patch(f"/v1/admin/polls/{poll}", json={"options": options})
        assert edit.status_code == 200
        await expect(page.frame_locator("#frame").get_by_text("Option 7")).to_be_visible()
        await page.wait_for_function(
            "was => Number(document.getElementById('frame').height) > was + 100", arg=first
        )


async def test_iframe_on_a_disallowed_origin_is_blocked(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(origins=["https://news.example"]))["id"]
    article = ARTICLE.format(frame=f"{service.url}/embed/{poll}", origin=service.url)
    async with another_site(article) as site:
        reader = await open_page(f"{site}/")
        await reader.page.wait_for_load_state("load")
        inside = reader.page.frames[1]
        assert await inside.locator("live-poll").count() == 0
        reader.errors.clear()  # Chromium logs the expected rejection


async def test_vote_inside_an_iframe_counts(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll(origins=["*"]))["id"]
    article = ARTICLE.format(frame=f"{service.url}/embed/{poll}", origin=service.url)
    async with another_site(article) as site:
        page = (await open_page(f"{site}/")).page
        inside = page.frame_locator("#frame")
        await inside.locator('[data-option="yam"]').click()
        await inside.get_by_role("button", name="Vote", exact=True).click()
        await expect(
            inside.locator('[data-option="yam"]').get_by_text("Your vote", exact=True)
        ).to_be_visible()
    results = (await service.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["counts"] == {"rice": 0, "yam": 1}


async def oembed(service: Service, **query: str) -> dict[str, object]:
    """Return the oEmbed document of a successful request."""
    answer = await service.http.get("/oembed", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, object] = answer.json()
    return document


async def test_oembed_returns_an_iframe_within_the_requested_size(service: Service) -> None:
    """The title is escaped."""
    await service.create_poll(id="lunch", question='Rice "or" <yam>?')
    page = f"{service.url}/polls/lunch"
    answer = await oembed(service, url=page)
    assert (answer["version"], answer["type"], answer["width"]) == ("1.0", "rich", 640)
    assert f'src="{service.url}/embed/lunch"' in str(answer["html"])
    assert "Rice &quot;or&quot; &lt;yam&gt;?" in str(answer["html"])
    small = await oembed(service, url=f"{page}?screen#top", maxwidth="320", maxheight="200")
    assert (small["width"], small["height"]) == (320, 200)
    smallest = await oembed(service, url=page, maxwidth="120", maxheight="90")
    assert (smallest["width"], smallest["height"]) == (120, 90)
    assert (await oembed(service, url=page, maxwidth="1"))["width"] == 1
    assert (await oembed(service, url=page, maxwidth="120.5"))["width"] == 120


async def test_oembed_in_xml_has_the_same_fields(service: Service) -> None:
    await service.create_poll(id="lunch", question="Rice & yam?")
    answer = await service.http.get("/oembed", params={"url": f"{service.url}/polls/lunch", "format": "xml"})
    assert answer.headers["content-type"].startswith("text/xml")
    document = ElementTree.fromstring(answer.text)
    assert document.findtext("title") == "Rice & yam?"
    assert "<iframe " in (document.findtext("html") or "")


@pytest.mark.parametrize(
    ("query", "status", "slug"),
    [
        ({}, 404, "not-found"),
        ({"url": "https://elsewhere.example/polls/lunch"}, 404, "not-found"),
        ({"url": "{service}/demo"}, 404, "not-found"),
        ({"url": "http://[::1"}, 404, "not-found"),
        ({"url": "{service}/polls/nothing"}, 404, "poll-not-found"),
        ({"url": "{service}/polls/later"}, 404, "poll-not-found"),
        ({"url": "{service}/polls/later", "format": "yaml"}, 501, "unsupported-format"),
    ],
)
async def test_oembed_for_other_urls_and_formats_is_rejected(
    service: Service, query: dict[str, str], status: int, slug: str
) -> None:
    await service.create_poll(id="later", visible_at="2999-01-01T00:00:00Z")
    params = {name: value.replace("{service}", service.url) for name, value in query.items()}
    answer = await service.http.get("/oembed", params=params)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


async def test_link_preview_has_the_question_and_no_results(serve: Serve) -> None:
    """All values are escaped, and URLs start with the public URL."""
    async with serve(public_url=PUBLIC) as service:
        await service.create_poll(id="lunch", question='Rice "&" yam?', description="Or\n  <both>.")
        await service.vote("lunch", "yam", await service.voter())
        text = (await service.http.get("/polls/lunch")).text
    assert '<meta property="og:title" content="Rice &quot;&amp;&quot; yam?">' in text
    assert '<meta property="og:description" content="Or &lt;both&gt;.">' in text
    assert f'<link rel="canonical" href="{PUBLIC}/polls/lunch">' in text
    assert f'href="{PUBLIC}/oembed?url={quote(PUBLIC, safe="")}%2Fpolls%2Flunch&amp;format=json"' in text
    assert not re.search(r"100\s*%|1 vote", text)


async def test_poll_before_visible_at_has_no_page_and_no_qr_code(service: Service) -> None:
    await service.create_poll(id="later", visible_at="2999-01-01T00:00:00Z")
    for path in ("/polls/later", "/embed/later", "/polls/later/qr.svg"):
        answer = await service.http.get(path)
        assert answer.status_code == 404
        assert "Rice or yam?" not in answer.text


async def test_qr_code_is_svg_and_revalidates(serve: Serve) -> None:
    async with serve(public_url=PUBLIC) as service:
        await service.create_poll(id="lunch")
        code = await service.http.get("/polls/lunch/qr.svg")
        again = await service.http.get("/polls/lunch/qr.svg", headers={"If-None-Match": code.headers["etag"]})
        other = await service.http.get("/polls/nothing/qr.svg")
    assert code.headers["content-type"].startswith("image/svg+xml")
    assert code.text.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')
    assert (again.status_code, other.status_code) == (304, 404)


@pytest.mark.parametrize("host", ["a b", "x" * 300, '"><script>', ""])
async def test_invalid_host_header_is_not_written_into_the_page(service: Service, host: str) -> None:
    await service.create_poll(id="lunch")
    answer = await service.http.get("/polls/lunch", headers={"Host": host})
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.text
