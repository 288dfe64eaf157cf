"""Size of the widget and time until its question is painted."""

from __future__ import annotations

import gzip
import statistics
from typing import Any

import pytest
from playwright.async_api import Request

from tests.browser.conftest import Open, Service

MAX_WIDGET_BYTES = 15_360
"""The widget with its styles and English texts, compressed."""
MAX_RANKING_BYTES = 2_560
"""Additional module of the first ranked poll of a page."""
MAX_FORECAST_BYTES = 3_000
"""Additional module of the first forecast poll of a page."""

QUESTION_SEEN = """() => new Promise((resolve) => {
  const check = () => {
    const question = document.querySelector('live-poll')?.shadowRoot?.querySelector('.question');
    if (!question?.textContent || !question.offsetHeight) return requestAnimationFrame(check);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))); // this frame has been painted
  };
  check();
})"""


async def fetched_sizes(service: Service, open_page: Open, **document: Any) -> dict[str, int]:
    """Return the URL and the compressed size of each file that a page with one widget fetches."""
    poll = (await service.create_poll(**document))["id"]
    reader = await open_page("about:blank")
    finished: list[Request] = []
    reader.page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108
    html = f'<!doctype html><script type=module src=/widget.js></script><live-poll poll="{poll}"></live-poll>'
    await reader.page.route("**/article", lambda route: route.fulfill(body=html, content_type="text/html"))
    await reader.page.goto(f"{service.url}/article")
    await reader.poll(poll).expect_text("Live")
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
async def test_widget_is_one_response_of_at_most_15_kb(
    service: Service, open_page: Open, document: dict[str, Any]
) -> None:
    fetched = await fetched_sizes(service, open_page, **document)
    assert list(fetched) == [f"{service.url}/widget.js"]
    assert sum(fetched.values()) <= MAX_WIDGET_BYTES, fetched
    packed = gzip.compress((await service.http.get("/widget.js")).content, 9)
    assert len(packed) <= MAX_WIDGET_BYTES


async def test_only_a_ranked_poll_fetches_the_ranking_ballot(service: Service, open_page: Open) -> None:
    fetched = await fetched_sizes(service, open_page, kind="ranked")
    widget, ranking = fetched.values()
    assert widget <= MAX_WIDGET_BYTES
    assert ranking <= MAX_RANKING_BYTES, fetched


async def test_forecast_ballot_is_at_most_3_kb(service: Service, open_page: Open) -> None:
    fetched = await fetched_sizes(service, open_page, kind="prediction", forecast=True)
    widget, forecast = fetched.values()
    assert widget <= MAX_WIDGET_BYTES
    assert forecast <= MAX_FORECAST_BYTES, fetched


async def test_question_is_painted_and_times_are_recorded(
    service: Service, open_page: Open, record_property: Any
) -> None:  # Any: pytest gives a plain callable
    """Nothing is cached before."""
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


async def test_widget_reads_its_poll_once(service: Service, open_page: Open) -> None:
    """Results come over the WebSocket."""
    poll = (await service.create_poll())["id"]
    reader = await open_page("about:blank")
    requested: list[str] = []
    reader.page.on("request", lambda request: requested.append(request.url))
    await reader.page.goto(f"{service.url}/embed/{poll}")
    await reader.poll(poll).expect_text("Live")
    assert [url for url in requested if "/v1/" in url] == [f"{service.url}/v1/polls/{poll}"]
