"""The interactive API reference at /docs, in a browser."""

from __future__ import annotations

import gzip
import hashlib
from urllib.parse import urlsplit

from playwright.async_api import expect
from pollwire_server.app.openapi.renderer import FOLDER, SCRIPT, read_release

from tests.browser.conftest import Open, Service


async def test_docs_page_lists_operations_and_finds_them_without_other_hosts(
    service: Service, open_page: Open
) -> None:
    reader = await open_page("about:blank", viewport={"width": 1280, "height": 900})
    page, requested = reader.page, set[str]()
    page.on("request", lambda request: requested.add(request.url))
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    await page.goto(f"{service.url}/docs")
    contents = page.get_by_role("navigation", name="Sidebar for Pollwire")
    await expect(contents.get_by_role("button", name="Create a poll")).to_be_visible(timeout=20_000)
    await page.keyboard.press("Control+k")
    search = page.get_by_role("dialog", name="Reference Search")
    await search.get_by_role("combobox").fill("leaderboard")
    await search.get_by_role("option").filter(has_text="/leaderboard").first.click()
    await expect(page.get_by_role("heading", name="Get a leaderboard")).to_be_in_viewport()
    await page.get_by_role("button", name="Test Request (get /livez)").click()
    async with page.expect_response("**/livez") as answered:
        await page.get_by_role("dialog").get_by_role("button", name="Send", exact=False).first.click()
    assert (await (await answered.value).json())["status"] == "alive"
    hosts = {urlsplit(url).netloc for url in requested if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(service.url).netloc}
    assert complaints == []


async def test_reference_script_is_the_named_release_and_is_sent_compressed(service: Service) -> None:
    release = read_release()
    script = gzip.decompress(FOLDER.joinpath(SCRIPT).read_bytes())
    assert hashlib.sha256(script).hexdigest() == release.sha256
    answer = await service.http.get(f"/docs/api-reference-{release.version}.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == script
    assert "Scalar" in FOLDER.joinpath("LICENSE").read_text("utf-8")


async def test_docs_page_allows_no_other_host_and_no_inline_script(service: Service) -> None:
    answer = await service.http.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; " in policy
    assert "connect-src 'self'" in policy
    assert "://" not in answer.text + policy
