"""Addresses of HTML pages with extra slashes redirect to the canonical address."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Service


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/polls/{poll}/", "/polls/{poll}"),
        ("/polls//{poll}", "/polls/{poll}"),
        ("/polls%2F{poll}", "/polls/{poll}"),
        ("/embed/{poll}/", "/embed/{poll}"),
        ("/console/", "/console"),
        ("/demo//", "/demo"),
        ("/docs/", "/docs"),
        ("/problems/", "/problems"),
        ("/problems/not-found/", "/problems/not-found"),
        ("/livez/", "/livez"),
    ],
)
async def test_page_with_extra_slashes_redirects_to_its_canonical_address(
    service: Service, path: str, canonical: str
) -> None:
    poll = (await service.create_poll())["id"]
    redirect = await service.http.get(path.format(poll=poll) + "?screen", follow_redirects=False)
    assert redirect.status_code == 308
    assert str(redirect.next_request.url if redirect.next_request else "").endswith(
        f"{canonical.format(poll=poll)}?screen"
    )
    page = await service.http.get(path.format(poll=poll), follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == canonical.format(poll=poll)


@pytest.mark.parametrize(
    "path",
    [
        "//v1/admin/polls",
        "///v1/admin/polls",
        "/v1//admin/polls",
        "/v1%2Fadmin/polls",
        "/v1%2fadmin/polls",
        "/v1/%61dmin/polls",
        "/%76%31/admin/polls",
        "/v1/admin//polls",
        "//v1/polls/{poll}",
        "/v1/polls/{poll}//results",
        "/v1/polls%2f{poll}",
        "/v1/polls/{poll}/",
        "/v1/polls/{poll}/results/",
        "/v1/admin/polls/",
        "/v1/events/",
    ],
)
async def test_other_spelling_of_an_api_path_returns_404_without_cors(service: Service, path: str) -> None:
    """Path rules of proxies, and the service's own, compare the path as it is written."""
    poll = (await service.create_poll(origins=["https://news.example"]))["id"]
    headers = {"Origin": "https://news.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "HEAD", "OPTIONS"):
        url = httpx.URL(service.url).copy_with(raw_path=path.format(poll=poll).encode())
        answer = await service.admin.send(service.admin.build_request(method, url, headers=headers))
        assert answer.status_code == 404, method
        assert "access-control-allow-origin" not in answer.headers
