"""Proof-of-work challenges, solved by the page."""

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
async def service_with_challenges(serve: Serve) -> AsyncIterator[Service]:
    """Return a service that has used its one free voter of the day."""
    async with serve(limit_voters=RateLimit(1, DAY)) as service:
        await service.voter()
        yield service


async def test_page_solves_the_challenge_and_votes(service_with_challenges: Service, open_page: Open) -> None:
    """The module is loaded on demand."""
    poll = (await service_with_challenges.create_poll())["id"]
    reader = await open_page(f"{service_with_challenges.url}/")
    requested: list[str] = []
    reader.page.on("request", lambda request: requested.append(request.url))
    assert await reader.page.evaluate(VOTE, poll) == "counted"
    assert [url.rpartition("/")[2] for url in requested].count("proof_of_work.js") == 1
    results = (await service_with_challenges.http.get(f"/v1/polls/{poll}/results")).json()
    assert results["counts"] == {"rice": 0, "yam": 1}


async def test_page_without_challenge_does_not_load_the_solver(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    reader = await open_page(f"{service.url}/")
    requested: list[str] = []
    reader.page.on("request", lambda request: requested.append(request.url))
    assert await reader.page.evaluate(VOTE, poll) == "counted"
    assert not any("proof_of_work" in url for url in requested)
