"""What the widget costs a page: what a browser really fetches for it, and when the question is to be read."""

from __future__ import annotations

import gzip
import statistics
from typing import Any

import pytest
from playwright.async_api import Request

from tests.browser.conftest import Open, Service

MOST_BYTES = 15_360
"""The widget with its styles and English texts, as it comes over the line."""
RANKING_BYTES = 2_560
FORECAST_BYTES = 3_000
"""What a poll of the one kind that few polls are adds, with the first of them."""

QUESTION_SEEN = """() => new Promise((resolve) => {
  const look = () => {
    const question = document.querySelector('live-poll')?.shadowRoot?.querySelector('.question');
    if (!question?.textContent || !question.offsetHeight) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))); // this frame has been painted
  };
  look();
})"""


async def scripts_fetched(service: Service, open_page: Open, **document: Any) -> dict[str, int]:
    """Each script that a page with one widget fetches, and its bytes on the line, without its headers."""
    poll = (await service.create_poll(**document))["id"]
    reader = await open_page("about:blank")
    finished: list[Request] = []
    reader.page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108
    html = f'<!doctype html><script type=module src=/widget.js></script><live-poll poll="{poll}"></live-poll>'
    await reader.page.route("**/article", lambda route: route.fulfill(body=html, content_type="text/html"))
    await reader.page.goto(f"{service.url}/article")
    await reader.poll(poll).shows("Live")
    await reader.page.wait_for_load_state("networkidle")
    kinds = ("script", "stylesheet", "image", "font")
    fetched = [request for request in finished if request.resource_type in kinds]
    return {request.url: (await request.sizes())["responseBodySize"] for request in fetched}


KINDS: list[dict[str, Any]] = [
    {"kind": "single"},
    {"kind": "multiple"},
    {"kind": "prediction"},
    {"kind": "rating", "options": []},
]


@pytest.mark.parametrize("document", KINDS, ids=lambda document: str(document["kind"]))
async def test_the_widget_is_light(service: Service, open_page: Open, document: dict[str, Any]) -> None:
    """All that a page fetches for a poll is one answer of at most 15 KB."""
    fetched = await scripts_fetched(service, open_page, **document)
    assert list(fetched) == [f"{service.url}/widget.js"]
    assert sum(fetched.values()) <= MOST_BYTES, fetched
    packed = gzip.compress((await service.http.get("/widget.js")).content, 9)
    assert len(packed) <= MOST_BYTES


async def test_a_ranking_costs_a_little_more(service: Service, open_page: Open) -> None:
    """Only a ranked poll fetches the ballot of its kind."""
    fetched = await scripts_fetched(service, open_page, kind="ranked")
    widget, ranking = fetched.values()
    assert widget <= MOST_BYTES
    assert ranking <= RANKING_BYTES, fetched


async def test_forecast_ballot_is_at_most_3_kb(service: Service, open_page: Open) -> None:
    fetched = await scripts_fetched(service, open_page, kind="prediction", forecast=True)
    widget, forecast = fetched.values()
    assert widget <= MOST_BYTES
    assert forecast <= FORECAST_BYTES, fetched


async def test_the_question_is_soon_there(
    service: Service, open_page: Open, record_property: Any
) -> None:  # Any: pytest gives a plain callable
    """Nothing kept from before, the question is soon painted after its page was asked for; times are told."""
    poll = (await service.create_poll())["id"]
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(3):
        for times, before in ((cold, "about:blank"), (warm, f"{service.url}/livez")):
            reader = await open_page(before)
            await reader.page.goto(f"{service.url}/embed/{poll}", wait_until="commit")
            times.append(await reader.page.evaluate(QUESTION_SEEN))
            await reader.page.close()
    record_property("question_painted_ms", {"cold": cold, "warm": warm})
    print(  # noqa: T201
        f"question painted after {statistics.median(warm):.0f} ms (from page to page of one site), "
        f"{statistics.median(cold):.0f} ms (in a new process of the browser)"
    )


async def test_the_poll_is_read_once(service: Service, open_page: Open) -> None:
    """A widget that stands in the page reads its poll once, and the results come over the socket."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    await reader.page.goto(f"{service.url}/embed/{poll}")
    await reader.poll(poll).shows("Live")
    assert [url for url in asked if "/v1/" in url] == [f"{service.url}/v1/polls/{poll}"]
