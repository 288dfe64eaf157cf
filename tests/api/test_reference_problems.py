"""The addresses that problems name lead somewhere."""

from __future__ import annotations

import pytest
from pollwire_server.app.openapi.problem_pages import PROBLEMS, help_texts
from pollwire_server.problem_details import TABLE

from tests.api.conftest import Service


def test_every_problem_has_words_of_its_own() -> None:
    """Each slug of the table is explained, and nothing that is in no table."""
    assert help_texts().keys() == {problem.slug for problem in TABLE.values()}
    assert all(help_texts().values())


async def test_each_problem_s_type_is_a_page(service: Service) -> None:
    """Every slug has a page with its title and help, listed on one page; HEAD answers without the body."""
    index = (await service.http.get("/problems")).text
    for slug, problem in PROBLEMS.items():
        page = await service.http.get(f"/problems/{slug}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert problem.title in page.text
        assert f'href="/problems/{slug}"' in index
    head = await service.http.head("/problems/poll-closed")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_real_refusal_leads_to_its_page(service: Service) -> None:
    """The type of an answered problem, taken as a reference to the service, can be followed."""
    refusal = (await service.http.get("/v1/polls/nowhere")).json()
    page = await service.http.get(refusal["type"])
    assert refusal["title"] in page.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/problems/no-such-problem", 404),
        ("HEAD", "/problems/no-such-problem", 404),
        ("POST", "/problems/no-such-problem", 404),
        ("GET", "/problems/poll-closed/more", 404),
        ("POST", "/problems/poll-closed", 405),
        ("DELETE", "/problems", 405),
        ("GET", "/docs/openapi.json", 404),
        ("GET", "/docs/unserved", 404),
        ("POST", "/docs/unserved/openapi.json", 404),
    ],
)
async def test_there_is_nothing_beside_the_pages(
    service: Service, method: str, path: str, status: int
) -> None:
    """Other addresses are 404 to every method, and the pages take GET and HEAD alone."""
    assert (await service.http.request(method, path)).status_code == status
