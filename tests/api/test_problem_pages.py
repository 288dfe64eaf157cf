"""Pages of the problem types."""

from __future__ import annotations

import pytest
from pollwire_server.app.openapi.problem_pages import PROBLEMS, help_texts
from pollwire_server.problem_details import TABLE

from tests.api.conftest import Service


def test_every_problem_has_an_explanation() -> None:
    """Check that every problem slug has an explanation, and that there are no others."""
    assert help_texts().keys() == {problem.slug for problem in TABLE.values()}
    assert all(help_texts().values())


async def test_every_problem_type_is_a_page(service: Service) -> None:
    """Check that every slug has a page with title and help, a link from the list, and a HEAD without body."""
    index = (await service.http.get("/problems")).text
    for slug, problem in PROBLEMS.items():
        page = await service.http.get(f"/problems/{slug}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert problem.title in page.text
        assert f'href="/problems/{slug}"' in index
    head = await service.http.head("/problems/poll-closed")
    assert (head.status_code, head.content) == (200, b"")


async def test_type_of_real_problem_links_to_its_page(service: Service) -> None:
    """Check that the type of a problem response, resolved against the service's URL, is a page."""
    problem = (await service.http.get("/v1/polls/nowhere")).json()
    page = await service.http.get(problem["type"])
    assert problem["title"] in page.text


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
async def test_other_paths_below_problems_return_404(
    service: Service, method: str, path: str, status: int
) -> None:
    """Check that other paths are 404 for every method, and that pages allow only GET and HEAD."""
    assert (await service.http.request(method, path)).status_code == status
