"""A page of many solves what it is posed, and its reader only waits a little longer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from pollwire_server.domain.rate_limit import RateLimit

from tests.api.conftest import Serve, Service
from tests.browser.conftest import Open

DAY = 86_400
VOTE = """async (id) => {
  const { connect } = await import('/client.js');
  const polls = connect(location.href);
  return (await polls.vote(await polls.poll(id), 'yam')).status;
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def crowded(serve: Serve) -> AsyncIterator[Service]:
    """A service whose one free new voter has come already."""
    async with serve(limit_voters=RateLimit(1, DAY)) as service:
        await service.voter()
        yield service


async def test_a_page_solves_the_challenge_and_votes(crowded: Service, open_page: Open) -> None:
    """The module for it is loaded when it is asked for, and not before; the vote counts."""
    poll = (await crowded.create_poll())["id"]
    reader = await open_page(f"{crowded.url}/")
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    assert await reader.page.evaluate(VOTE, poll) == "counted"
    assert [url.rpartition("/")[2] for url in asked].count("proof_of_work.js") == 1
    results = (await crowded.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["counts"] == {"rice": 0, "yam": 1}


async def test_without_a_crowd_no_page_loads_what_solves(service: Service, open_page: Open) -> None:
    """Nobody pays for challenges who is posed none."""
    poll = (await service.create_poll())["id"]
    reader = await open_page(f"{service.url}/")
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    assert await reader.page.evaluate(VOTE, poll) == "counted"
    assert not any("proof_of_work" in url for url in asked)
